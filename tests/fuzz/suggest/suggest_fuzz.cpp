// Any records: what is suggested from them passes the checker, is printable ASCII, and does not allow another
// target.
//
// The input is records, each with two bytes of length (little endian) before it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <google/protobuf/stubs/logging.h>

#include "policy/engine.hpp"
#include "suggest/document.hpp"
#include "suggest/recorded_call.hpp"

using namespace callgate;
using namespace callgate::suggest;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const google::protobuf::LogSilencer silencer;  // of inputs that are no UTF-8
  Evidence evidence({3, 8, 200});
  for (std::size_t at = 0; at + 2 <= size;) {
    const std::size_t length = std::min<std::size_t>(data[at] + 256U * data[at + 1], size - at - 2);
    v1::Record record;
    if (record.ParseFromArray(data + at + 2, static_cast<int>(length))) evidence.add(record);
    at += 2 + length;
  }
  const auto made = suggest::suggest(evidence, {"shop", "", policy::Mode::enforce});
  if (!made) {
    if (made.error().code != "nothing_recorded") std::abort();
    return 0;
  }
  const auto printable = [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n'; };
  if (!std::all_of(made->text.begin(), made->text.end(), printable)) std::abort();
  auto parsed = policy::parse_policies(made->text, "s");
  if (parsed.policies.size() != 1 || parsed.policies[0].mode != policy::Mode::enforce) std::abort();
  const auto engine = policy::Engine::compile(parsed.policies, policy::Mode::enforce);
  if (engine->decide({"shop", "", "/bin/x"}, {"elsewhere.test", 1, "tcp", "connect", {}, nullptr}).verdict ==
      policy::Verdict::allow) {
    // Only where that very target was recorded.
    if (!evidence.targets().contains({"elsewhere.test", 1})) std::abort();
  }
  return 0;
}
