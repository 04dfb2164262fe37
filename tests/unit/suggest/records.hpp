// Records as callgated writes them.
#pragma once

#include <string>
#include <string_view>

#include "callgate/v1/record.pb.h"

namespace callgate::suggest::testing {

inline constexpr std::uint64_t noon = 1'795'694'400'000'000'000;  // 2026-11-26T12:00:00Z

inline v1::Record call(std::string_view function, std::string_view host, std::uint32_t port) {
  static std::uint64_t number = 0;
  ++number;
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  std::string session(16, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    session[15 - i] = static_cast<char>(number >> (8 * i));
  record.set_session_id(session);
  record.set_opened_ns(noon + number * 1'000'000'000);
  record.mutable_workload()->set_name("shop");
  record.mutable_workload()->set_spiffe_id("spiffe://callgate.local/user/shop");
  record.mutable_process()->set_exe_path("/usr/bin/curl");
  record.mutable_process()->set_resolved(true);
  record.mutable_destination()->set_ip(std::string("\x0a\x4d\x02\x02", 4));
  record.mutable_destination()->set_port(port);
  record.mutable_target()->set_host(std::string(host));
  record.mutable_target()->set_port(port);
  record.set_function(std::string(function));
  record.mutable_decision()->set_verdict(v1::VERDICT_ALLOW);
  record.mutable_decision()->set_enforced(true);
  record.mutable_decision()->set_policy("tests");
  record.mutable_decision()->set_rule("all");
  record.mutable_decision()->set_reason("allowed_by_rule");
  auto& upstream = *record.mutable_upstream();
  upstream.set_required(v1::TLS_REQUIREMENT_VERIFIED);
  upstream.set_reached(true);
  upstream.set_tls(true);
  upstream.set_verified(true);
  upstream.set_tls_version("TLSv1.3");
  *upstream.mutable_address() = record.destination();
  record.set_outcome(v1::OUTCOME_COMPLETED);
  record.set_status(200);
  return record;
}

// One to api.test:8080, over HTTP.
inline v1::Record http(std::string_view method, std::string_view path) {
  return call("http:" + std::string(method) + " api.test" + std::string(path), "api.test", 8080);
}

inline v1::Record denied(v1::Record record, std::string_view rule = "no-admin") {
  record.mutable_decision()->set_verdict(v1::VERDICT_DENY);
  record.mutable_decision()->set_rule(std::string(rule));
  record.mutable_decision()->set_reason(rule.empty() ? "no_rule_matches" : "not for services");
  record.set_outcome(v1::OUTCOME_DENIED);
  record.mutable_upstream()->Clear();
  record.mutable_upstream()->set_required(v1::TLS_REQUIREMENT_UNTOUCHED);
  return record;
}

// As a policy that is only observed, or none, would have it.
inline v1::Record observed(v1::Record record, bool allowed) {
  auto& decision = *record.mutable_decision();
  decision.set_enforced(false);
  decision.set_verdict(allowed ? v1::VERDICT_ALLOW : v1::VERDICT_DENY);
  decision.set_policy(allowed ? "" : "watch");
  decision.set_rule("");
  decision.set_reason(allowed ? "no_policy" : "no_rule_matches");
  record.mutable_upstream()->Clear();
  record.mutable_upstream()->set_required(v1::TLS_REQUIREMENT_UNTOUCHED);
  return record;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace callgate::suggest::testing
