#include "inquiry/column.hpp"

#include "inquiry/record_filter.hpp"
#include "policy/identity_pattern.hpp"

namespace callgate::inquiry {

std::string_view namespace_of(const v1::Record& record) {
  return policy::service_account_of(record.workload().spiffe_id()).name_space;
}

std::uint32_t port_of(const v1::Record& record) {
  return record.target().port() != 0 ? record.target().port() : record.destination().port();
}

std::string_view decision_of(const v1::Record& record) {
  const auto& decision = record.decision();
  if (decision.verdict() == v1::VERDICT_UNSPECIFIED) return {};
  if (would_deny(decision)) return "would-deny";
  return decision.verdict() == v1::VERDICT_ALLOW ? "allow" : "deny";
}

std::string_view outcome_of(const v1::Record& record) {
  switch (record.outcome()) {
    case v1::OUTCOME_COMPLETED:
      return "completed";
    case v1::OUTCOME_DENIED:
      return "denied";
    case v1::OUTCOME_REFUSED:
      return "refused";
    case v1::OUTCOME_FAILED:
      return "failed";
    case v1::OUTCOME_CALLER_ABORTED:
      return "caller_aborted";
    case v1::OUTCOME_INTERRUPTED:
      return "interrupted";
    default:
      return {};
  }
}

std::string column_value(v1::SessionColumn column, const v1::Record& record) {
  switch (column) {
    case v1::SESSION_COLUMN_WORKLOAD:
      return record.workload().name();
    case v1::SESSION_COLUMN_NAMESPACE:
      return std::string(namespace_of(record));
    case v1::SESSION_COLUMN_PROCESS:
      return record.process().exe_path();
    case v1::SESSION_COLUMN_FUNCTION:
      return record.function();
    case v1::SESSION_COLUMN_HOST:
      return record.target().host();
    case v1::SESSION_COLUMN_DECISION:
      return std::string(decision_of(record));
    case v1::SESSION_COLUMN_POLICY:
      return record.decision().policy();
    case v1::SESSION_COLUMN_RULE:
      return record.decision().rule();
    case v1::SESSION_COLUMN_OUTCOME:
      return std::string(outcome_of(record));
    case v1::SESSION_COLUMN_STATUS:
      return record.status() == 0 ? std::string() : std::to_string(record.status());
    case v1::SESSION_COLUMN_ERROR_CODE:
      return record.error_code();
    default:
      return {};
  }
}

}  // namespace callgate::inquiry
