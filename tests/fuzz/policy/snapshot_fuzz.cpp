// Any bytes: refused, or a snapshot that survives another way through the wire and compiles.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/snapshot.hpp"

using namespace callgate::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto snapshot = parse_snapshot(bytes);
  const auto engine = load_snapshot(bytes);
  if (snapshot.has_value() != engine.has_value()) std::abort();
  if (!snapshot) {
    if (snapshot.error().code != "bad_policy_snapshot") std::abort();
    return 0;
  }
  const auto again = parse_snapshot(serialize_snapshot(*snapshot));
  if (!again || again->policies != snapshot->policies) std::abort();
  const auto decision = (*engine)->decide({"w", "", ""}, {"api.test", 80, "http", "GET", "/"});
  if (decision.record.durability > Durability::synced || decision.record.retain.count() < 0) std::abort();
  return 0;
}
