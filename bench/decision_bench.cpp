// What one decision costs, by the number of rules: run by `bench/run decision`, which compares.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "policy/document.hpp"
#include "policy/engine.hpp"

using namespace callgate::policy;

namespace {

// Rules as a team writes them: a host and a few paths each, the last of which is asked for.
std::unique_ptr<const Engine> make_engine(int rules, const std::string& when) {
  std::string text =
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: p}\nspec:\n  callers: [{workload: "
      "\"*\"}]\n"
      "  targets: [{host: \"*.internal\"}]\n  rules:\n";
  for (int i = 0; i < rules; ++i) {
    const std::string number = std::to_string(i);
    text += "    - {name: r" + number + ", functions: [\"http:GET,POST svc-" + number +
            ".internal/v1/items/*\"], " + (when.empty() ? "" : "when: '" + when + "', ") + "action: allow}\n";
  }
  // One file is 1 MiB at most.
  std::vector<CallPolicy> documents;
  constexpr int rules_per_document = 5000;
  if (rules <= rules_per_document) return Engine::compile(parse_policies(text, "p").policies, Mode::enforce);
  auto parsed = parse_policies(
      text.substr(0, text.find("    - {name: r" + std::to_string(rules_per_document) + ",")), "p");
  documents = std::move(parsed.policies);
  for (int i = rules_per_document; i < rules; ++i) {
    Rule rule = documents[0].rules[0];
    rule.name = "r" + std::to_string(i);
    rule.functions = {"http:GET,POST svc-" + std::to_string(i) + ".internal/v1/items/*"};
    documents[0].rules.push_back(std::move(rule));
  }
  return Engine::compile(std::move(documents), Mode::enforce);
}

void decide(benchmark::State& state, const std::string& when, const Body& body) {
  const auto rules = static_cast<int>(state.range(0));
  const auto engine = make_engine(rules, when);
  const std::string host = "svc-" + std::to_string(rules - 1) + ".internal";
  const Caller caller{"checkout", "spiffe://callgate.local/user/ci/checkout", "/usr/bin/python3.11"};
  const std::vector<HeaderField> headers{
      {"Host", host}, {"Content-Type", "application/json"}, {"Accept", "*/*"}};
  const auto selection = engine->select(caller);
  Call call;
  call.host = host;
  call.port = 8080;
  call.protocol = "http";
  call.method = "POST";
  call.path = "/v1/items/4711";
  call.headers = headers;
  call.size = body.bytes.size();
  call.body = body;
  if (engine->decide(selection, caller, call).verdict != Verdict::allow)
    state.SkipWithError("the call is denied");
  for (auto step : state) {
    (void)step;
    benchmark::DoNotOptimize(engine->decide(selection, caller, call));
  }
}

void plain(benchmark::State& state) {
  decide(state, {}, {});
}
void condition(benchmark::State& state) {
  decide(state, R"(call.method == "POST" && caller.workload.startsWith("check"))", {});
}
void body(benchmark::State& state) {
  static const std::string text =
      R"({"amount": 12.5, "currency": "EUR", "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]})";
  decide(state, "call.body.amount < 100.0 && call.body.lines.all(line, line.n > 0.0)",
         {Body::State::complete, text});
}

BENCHMARK(plain)->Arg(10)->Arg(10'000);
BENCHMARK(condition)->Arg(10)->Arg(10'000);
BENCHMARK(body)->Arg(10)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();
