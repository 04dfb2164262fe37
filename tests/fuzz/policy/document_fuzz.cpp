// Any text: it parses to findings with a place in it, or to policies that compile and decide.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/engine.hpp"

using namespace callgate::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto parsed = parse_policies(text, "fuzz.yaml");
  if (parsed.policies.empty() == parsed.findings.empty()) std::abort();
  for (const auto& finding : parsed.findings) {
    if (finding.line < 0 || finding.message.empty() || format_finding(finding, text).empty()) std::abort();
  }
  const auto engine = Engine::compile(std::move(parsed.policies), Mode::enforce);
  const auto decision = engine->decide({"w", "", "/bin/x"}, {"api.test", 80, "http", "GET", "/v1/a;b//c"});
  if (decision.record == nullptr) std::abort();
  if ((decision.upstream != nullptr) != (decision.verdict == Verdict::allow)) std::abort();
  return 0;
}
