#include "inquiry/record_filter.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.hpp"
#include "inquiry/column.hpp"
#include "policy/text_pattern.hpp"

namespace callgate::inquiry {
namespace {

constexpr std::size_t longest_text = 8192;
constexpr std::size_t fewest_digits = 6;
constexpr std::size_t id_digits = 32;
constexpr std::uint32_t largest_port = 65535;

constexpr std::array<std::pair<std::string_view, v1::Outcome>, 6> outcomes{{
    {"completed", v1::OUTCOME_COMPLETED},
    {"denied", v1::OUTCOME_DENIED},
    {"refused", v1::OUTCOME_REFUSED},
    {"failed", v1::OUTCOME_FAILED},
    {"caller_aborted", v1::OUTCOME_CALLER_ABORTED},
    {"interrupted", v1::OUTCOME_INTERRUPTED},
}};

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

Result<void> check_decision(const std::string& decision, RecordFilter& result) {
  if (decision == "allow") {
    result.verdict = v1::VERDICT_ALLOW;
  } else if (decision == "deny") {
    result.verdict = v1::VERDICT_DENY;
  } else if (decision == "would-deny") {
    result.would_deny = true;
  } else if (!decision.empty()) {
    return invalid("a decision is \"allow\", \"deny\" or \"would-deny\"");
  }
  return {};
}

Result<void> check_outcome(const std::string& name, RecordFilter& result) {
  if (name.empty()) return {};
  for (const auto& [known, outcome] : outcomes) {
    if (known == name) result.outcome = outcome;
  }
  if (result.outcome) return {};
  return invalid("an outcome is completed, denied, refused, failed, caller_aborted or interrupted");
}

Result<void> check_status(const std::string& status, RecordFilter& result) {
  if (status.empty()) return {};
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (status.size() == 3 && status[0] >= '1' && status[0] <= '9') {
    const std::uint32_t hundreds = static_cast<std::uint32_t>(status[0] - '0') * 100;
    if (lower(status.substr(1)) == "xx") {
      result.least_status = hundreds;
      result.largest_status = hundreds + 99;
      return {};
    }
    if (digit(status[1]) && digit(status[2])) {
      result.least_status = hundreds + static_cast<std::uint32_t>((status[1] - '0') * 10 + (status[2] - '0'));
      result.largest_status = result.least_status;
      return {};
    }
  }
  return invalid("a status is a number such as 403, or a class of them such as 4xx");
}

Result<void> check_id(const std::string& id) {
  if (id.empty()) return {};
  const bool digits = id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (digits && id.size() >= fewest_digits && id.size() <= id_digits) return {};
  return invalid("an id has 6 to 32 hexadecimal digits, as `callgate sessions list` shows them");
}

bool same_or_any(const std::string& wanted, const std::string& is) {
  return wanted.empty() || wanted == is;
}

bool glob_or_any(const std::string& wanted, std::string_view is) {
  return wanted.empty() || policy::glob_matches(wanted, is);
}

bool decision_matches(const RecordFilter& filter, const v1::Decision& decision) {
  const auto& wanted = filter.wanted;
  return (!filter.verdict || decision.verdict() == *filter.verdict) &&
         (!filter.would_deny || would_deny(decision)) && same_or_any(wanted.policy(), decision.policy()) &&
         same_or_any(wanted.rule(), decision.rule());
}

bool caller_matches(const v1::SessionFilter& wanted, const v1::Record& record) {
  return same_or_any(wanted.workload(), record.workload().name()) &&
         (wanted.namespace_().empty() || wanted.namespace_() == namespace_of(record)) &&
         glob_or_any(wanted.process_glob(), record.process().exe_path());
}

bool target_matches(const RecordFilter& filter, const v1::Record& record) {
  return glob_or_any(filter.wanted.function_glob(), record.function()) &&
         (filter.host.empty() || policy::glob_matches(filter.host, lower(record.target().host()))) &&
         (filter.wanted.port() == 0 || filter.wanted.port() == port_of(record));
}

bool end_matches(const RecordFilter& filter, const v1::Record& record) {
  return (!filter.outcome || record.outcome() == *filter.outcome) &&
         same_or_any(filter.wanted.error_code(), record.error_code()) &&
         (filter.least_status == 0 ||
          (record.status() >= filter.least_status && record.status() <= filter.largest_status)) &&
         record.timings().total_us() >= filter.wanted.min_duration_us();
}

bool time_matches(const v1::SessionFilter& wanted, const v1::Record& record) {
  return record.opened_ns() >= wanted.since() && (wanted.until() == 0 || record.opened_ns() < wanted.until());
}

}  // namespace

Result<RecordFilter> check_filter(const v1::SessionFilter& filter) {
  if (filter.ByteSizeLong() > longest_text) return invalid("the filter is too long");
  RecordFilter result;
  result.wanted = filter;
  result.host = lower(filter.host());
  if (filter.port() > largest_port) return invalid("a port is at most 65535");
  if (filter.until() != 0 && filter.until() <= filter.since())
    return invalid("the time range is empty: it ends before it begins");
  CALLGATE_TRY(check_decision(filter.decision(), result));
  CALLGATE_TRY(check_outcome(filter.outcome(), result));
  CALLGATE_TRY(check_status(filter.status(), result));
  CALLGATE_TRY(check_id(filter.id()));
  return result;
}

bool matches(const RecordFilter& filter, const v1::Record& record) {
  const auto& wanted = filter.wanted;
  return time_matches(wanted, record) && caller_matches(wanted, record) && target_matches(filter, record) &&
         decision_matches(filter, record.decision()) && end_matches(filter, record) &&
         (wanted.id().empty() || id_has_digits(record.session_id(), wanted.id()) ||
          id_has_digits(record.call_id(), wanted.id()));
}

bool would_deny(const v1::Decision& decision) {
  return decision.has_trial() || (decision.verdict() == v1::VERDICT_DENY && !decision.enforced());
}

bool id_has_digits(std::string_view id, std::string_view digits) {
  const auto text = to_hex(as_bytes(id));
  return !digits.empty() && (text.starts_with(digits) || text.ends_with(digits));
}

}  // namespace callgate::inquiry
