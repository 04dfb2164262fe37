#include "suggest/seen.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t longest_example = 200;
constexpr std::size_t longest_rule = 200;
constexpr std::uint32_t switching_protocols = 101;

}  // namespace

void Seen::add(const v1::Record& record, std::string_view path) {
  Seen one;
  one.calls = 1;
  one.first_ns = one.last_ns = record.opened_ns();
  one.unfinished = record.outcome() == v1::OUTCOME_COMPLETED ? 0 : 1;
  one.upgraded = record.status() == switching_protocols ? 1 : 0;
  const auto& decision = record.decision();
  if (!decision.enforced() && decision.verdict() == v1::VERDICT_DENY && !decision.rule().empty()) {
    one.observed_denials = 1;
    one.observed_rule =
        fmt::format("rule {} of policy {}", decision.rule(), decision.policy()).substr(0, longest_rule);
  }
  if (session.empty()) {
    one.example = path.substr(0, longest_example);
    one.session = record.session_id();
  }
  add(one);
}

void Seen::add(const Seen& other) {
  if (other.calls == 0) return;
  first_ns = calls == 0 ? other.first_ns : std::min(first_ns, other.first_ns);
  last_ns = std::max(last_ns, other.last_ns);
  calls += other.calls;
  unfinished += other.unfinished;
  upgraded += other.upgraded;
  observed_denials += other.observed_denials;
  if (observed_rule.empty()) observed_rule = other.observed_rule;
  if (session.empty()) {
    example = other.example;
    session = other.session;
  }
}

std::string session_text(const std::string& session) {
  return to_hex(as_bytes(session));
}

}  // namespace callgate::suggest
