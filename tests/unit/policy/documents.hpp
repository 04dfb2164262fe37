// Policies for tests, written as a user would.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "policy/document.hpp"
#include "policy/engine.hpp"

namespace callgate::policy::testing {

// A document with the given parts of its spec in YAML flow style.
struct Spec {
  std::string name = "p";
  std::string mode = "enforce";
  std::string callers = "[{workload: \"*\"}]";
  std::string targets = "[{host: \"*\"}]";
  std::string rules = R"([{name: all, functions: ["*"], action: allow}])";
  std::string record = "{payloads: full}";
};

inline std::string to_yaml(const Spec& spec) {
  return "---\napiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: " + spec.name +
         "}\nspec:\n  mode: " + spec.mode + "\n  callers: " + spec.callers + "\n  targets: " + spec.targets +
         "\n  rules: " + spec.rules + "\n  record: " + spec.record + "\n";
}

inline std::vector<CallPolicy> policies_of(const std::vector<Spec>& specs) {
  std::string text;
  for (const auto& spec : specs)
    text += to_yaml(spec);
  auto parsed = parse_policies(text, "test.yaml");
  if (specs.empty()) return {};
  if (has_error(parsed.findings)) throw std::invalid_argument(format_finding(parsed.findings[0], text));
  return parsed.policies;
}

inline std::unique_ptr<const Engine> engine_of(const std::vector<Spec>& specs,
                                               Mode default_mode = Mode::observe,
                                               const std::vector<ResolvedHost>& resolved = {}) {
  return Engine::compile(policies_of(specs), default_mode, resolved);
}

inline Call http(std::string_view method, std::string_view path, std::string_view host = "api.test",
                 std::uint16_t port = 80) {
  return {host, port, "http", method, path};
}

inline Caller caller(std::string_view workload, std::string_view process = {}) {
  return {workload, "spiffe://test/w", process};
}

}  // namespace callgate::policy::testing
