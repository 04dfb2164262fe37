// Any text: it parses to findings with a place in it, or to policies that compile and decide.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "policy/engine.hpp"

using namespace callgate::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto unhonoured = size % 2 == 0 ? Unhonoured::refused : Unhonoured::accepted;
  auto parsed = parse_policies(text, "fuzz.yaml", unhonoured);
  if (parsed.policies.empty() != has_error(parsed.findings)) std::abort();
  for (const auto& finding : parsed.findings) {
    if (finding.line < 0 || finding.message.empty() || format_finding(finding, text).empty()) std::abort();
  }
  const auto engine = Engine::compile(std::move(parsed.policies), Mode::enforce);
  static const std::vector<HeaderField> headers{{"Content-Type", "application/json"}, {"X-A", "b"}};
  Call call{"api.test", 80, "http", "POST", "/v1/a;b//c"};
  call.query = "a=1&b=%20";
  call.headers = headers;
  call.body = {Body::State::complete, R"({"amount": 5, "tool": "search", "list": [1, {"a": null}]})"};
  const auto decision = engine->decide({"w", "spiffe://d/ns/n/sa/a", "/bin/x"}, call);
  if (decision.record.durability > Durability::synced || decision.record.retain.count() < 0) std::abort();
  if ((decision.upstream != nullptr) != (decision.verdict == Verdict::allow)) std::abort();
  return 0;
}
