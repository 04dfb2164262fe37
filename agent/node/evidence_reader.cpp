#include "node/evidence_reader.hpp"

namespace callgate::node {

Result<index::Query> to_query(const inquiry::RecordFilter& filter, const EvidenceReader& reader) {
  const v1::SessionFilter& wanted = filter.wanted;
  index::Query query;
  query.since_ns = wanted.since();
  query.until_ns = wanted.until();
  query.workload = wanted.workload();
  query.name_space = wanted.namespace_();
  query.process = wanted.process_glob();
  query.function = wanted.function_glob();
  query.host = wanted.host();
  if (wanted.port() != 0) query.port = wanted.port();
  if (filter.would_deny) {
    query.decision = index::DecisionFilter::would_deny;
  } else if (filter.verdict) {
    query.decision =
        *filter.verdict == v1::VERDICT_ALLOW ? index::DecisionFilter::allow : index::DecisionFilter::deny;
  }
  query.policy = wanted.policy();
  query.rule = wanted.rule();
  query.outcome = filter.outcome;
  query.error_code = wanted.error_code();
  if (filter.largest_status != 0)
    query.status = index::StatusRange{filter.least_status, filter.largest_status};
  query.min_duration_us = wanted.min_duration_us();
  if (!wanted.id().empty()) {
    const auto session = reader.store.find_session(wanted.id());
    if (!session) return session.error();
    query.session = *session;
  }
  query.visible = [&reader](std::uint64_t workload, std::string_view) { return reader.may_see(workload); };
  return query;
}

}  // namespace callgate::node
