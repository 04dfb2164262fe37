#include "index/row.hpp"

#include "base/ids.hpp"

namespace callgate::index {
namespace {

constexpr std::uint64_t ns_per_us = 1000;

std::uint64_t decision_number(const v1::Decision& decision) {
  const bool denied = decision.verdict() == v1::VERDICT_DENY;
  std::uint64_t number = 0;
  if (denied || decision.verdict() == v1::VERDICT_ALLOW)
    number = static_cast<std::uint64_t>(decision.verdict());
  if (decision.has_trial() || (denied && !decision.enforced())) number |= would_deny_bit;
  return number;
}

void set_ids(const v1::Record& record, Row& row) {
  const Id session = id_from_bytes(record.session_id());
  const Id call = record.call_id().empty() ? session : id_from_bytes(record.call_id());
  row[Number::session_generation] = session.generation;
  row[Number::session_thread] = session.thread;
  row[Number::session_counter] = session.counter;
  row[Number::call_generation] = call.generation;
  row[Number::call_thread] = call.thread;
  row[Number::call_counter] = call.counter;
}

}  // namespace

bool is_listed(const v1::Record& record) {
  return record.kind() == v1::Record::KIND_CALL || record.kind() == v1::Record::KIND_FLOW;
}

Row make_row(const v1::Record& record) {
  Row row;
  row[Number::opened] = record.opened_ns();
  row[Number::duration] =
      record.closed_ns() > record.opened_ns() ? (record.closed_ns() - record.opened_ns()) / ns_per_us : 0;
  row[Number::registry] = record.workload().registry_id();
  row[Number::port] = record.has_target() ? record.target().port() : record.destination().port();
  row[Number::decision] = decision_number(record.decision());
  row[Number::outcome] =
      v1::Outcome_IsValid(record.outcome()) ? static_cast<std::uint64_t>(record.outcome()) : 0;
  row[Number::status] = record.status();
  set_ids(record, row);
  row[Text::workload] = record.workload().name();
  row[Text::name_space] = namespace_of(record.workload().spiffe_id());
  row[Text::process] = record.process().exe_path();
  row[Text::function] = record.function();
  row[Text::host] = record.target().host();
  row[Text::policy] = record.decision().policy();
  row[Text::rule] = record.decision().rule();
  row[Text::error_code] = record.error_code();
  return row;
}

std::string_view namespace_of(std::string_view spiffe_id) {
  constexpr std::string_view scheme = "spiffe://";
  constexpr std::string_view before = "ns/";
  constexpr std::string_view between = "/sa/";
  if (!spiffe_id.starts_with(scheme)) return {};
  spiffe_id.remove_prefix(scheme.size());
  const std::size_t slash = spiffe_id.find('/');
  if (slash == 0 || slash == std::string_view::npos) return {};
  spiffe_id.remove_prefix(slash + 1);
  if (!spiffe_id.starts_with(before)) return {};
  spiffe_id.remove_prefix(before.size());
  const std::string_view name = spiffe_id.substr(0, spiffe_id.find('/'));
  const std::string_view rest = spiffe_id.substr(name.size());
  if (!rest.starts_with(between)) return {};
  const std::string_view account = rest.substr(between.size());
  return account.empty() || account.find('/') != std::string_view::npos ? std::string_view() : name;
}

}  // namespace callgate::index
