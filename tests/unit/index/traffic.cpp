#include "traffic.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "policy/text_pattern.hpp"

namespace callgate::index::test {
namespace {

using Words = std::vector<std::string>;

const Words workloads{"web", "checkout", "batch", "shop/payments", ""};
const Words spiffe_ids{"spiffe://prod/ns/shop/sa/web", "spiffe://prod/ns/pay/sa/api", "spiffe://prod/host/db",
                       "spiffe://prod/ns/shop/sa/", ""};
const Words name_spaces{"shop", "pay", "", "", ""};  // of the IDs above
const Words processes{"/usr/bin/python3.11", "/usr/bin/curl", "/opt/app/server", ""};
const Words methods{"GET", "POST", "DELETE"};
const Words hosts{"api.pay.internal", "API.pay.internal", "db.internal", "10.0.0.7", "xn--bcher-kva.example"};
const Words policies{"shop/payments", "default", ""};
const Words rules{"read", "refunds", ""};
const Words codes{"", "", "tls_expired", "limit_exceeded"};
const std::array<std::uint32_t, 5> statuses{0, 200, 404, 403, 502};
const std::array<std::uint32_t, 3> ports{443, 8080, 5432};
const std::array<v1::Verdict, 3> verdicts{v1::VERDICT_UNSPECIFIED, v1::VERDICT_ALLOW, v1::VERDICT_DENY};
const std::array<v1::Outcome, 3> outcomes{v1::OUTCOME_COMPLETED, v1::OUTCOME_DENIED, v1::OUTCOME_FAILED};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

std::string name_space(const v1::Record& record) {
  for (std::size_t at = 0; at < spiffe_ids.size(); ++at)
    if (spiffe_ids[at] == record.workload().spiffe_id()) return name_spaces[at];
  throw std::logic_error("an ID that no record here has");
}

std::uint64_t duration_us(const v1::Record& record) {
  return record.closed_ns() < record.opened_ns() ? 0 : (record.closed_ns() - record.opened_ns()) / 1000;
}

bool would_deny(const v1::Record& record) {
  return record.decision().has_trial() ||
         (record.decision().verdict() == v1::VERDICT_DENY && !record.decision().enforced());
}

bool decision_matches(const Query& query, const v1::Record& record) {
  switch (query.decision) {
    case DecisionFilter::any:
      return true;
    case DecisionFilter::allow:
      return record.decision().verdict() == v1::VERDICT_ALLOW;
    case DecisionFilter::deny:
      return record.decision().verdict() == v1::VERDICT_DENY;
    case DecisionFilter::would_deny:
      break;
  }
  return would_deny(record);
}

bool same(const std::string& wanted, const std::string& text) {
  return wanted.empty() || wanted == text;
}

bool like(const std::string& pattern, const std::string& text) {
  return pattern.empty() || policy::glob_matches(pattern, text);
}

bool matches(const Query& query, const v1::Record& record) {
  if (record.kind() != v1::Record::KIND_CALL && record.kind() != v1::Record::KIND_FLOW) return false;
  const auto port = record.has_target() ? record.target().port() : record.destination().port();
  return record.opened_ns() >= query.since_ns &&
         (query.until_ns == 0 || record.opened_ns() < query.until_ns) &&
         same(query.workload, record.workload().name()) && same(query.name_space, name_space(record)) &&
         like(query.process, record.process().exe_path()) && like(query.function, record.function()) &&
         like(lower(query.host), lower(record.target().host())) && (!query.port || *query.port == port) &&
         decision_matches(query, record) && same(query.policy, record.decision().policy()) &&
         same(query.rule, record.decision().rule()) &&
         (!query.outcome || *query.outcome == record.outcome()) &&
         same(query.error_code, record.error_code()) &&
         (!query.status ||
          (record.status() >= query.status->first && record.status() <= query.status->last)) &&
         (!query.session || id_from_bytes(record.session_id()) == *query.session) &&
         duration_us(record) >= query.min_duration_us &&
         (!query.visible || query.visible(record.workload().registry_id(), record.workload().name()));
}

std::string group_of(const v1::Record& record, GroupBy column) {
  static const std::map<int, std::string> outcome_names{{0, "unknown"},
                                                        {v1::OUTCOME_COMPLETED, "completed"},
                                                        {v1::OUTCOME_DENIED, "denied"},
                                                        {v1::OUTCOME_FAILED, "failed"}};
  switch (column) {
    case GroupBy::workload:
      return record.workload().name();
    case GroupBy::name_space:
      return name_space(record);
    case GroupBy::process:
      return record.process().exe_path();
    case GroupBy::function:
      return record.function();
    case GroupBy::host:
      return record.target().host();
    case GroupBy::policy:
      return record.decision().policy();
    case GroupBy::rule:
      return record.decision().rule();
    case GroupBy::error_code:
      return record.error_code();
    case GroupBy::outcome:
      return outcome_names.at(record.outcome());
    case GroupBy::status:
      return record.status() == 0 ? "" : std::to_string(record.status());
    case GroupBy::decision:
      break;
  }
  if (would_deny(record)) return "would-deny";
  if (record.decision().verdict() == v1::VERDICT_ALLOW) return "allow";
  return record.decision().verdict() == v1::VERDICT_DENY ? "deny" : "";
}

}  // namespace

v1::Record Traffic::record() {
  v1::Record record;
  if (one_in(20)) return record;  // of a kind that is not listed
  const auto thread = static_cast<std::uint32_t>(below(3));
  Id& session = sessions_[thread];
  if (session.is_zero() || one_in(4)) session = {7, thread, ++counter_};
  record.set_session_id(id_bytes_of(session));
  record.set_kind(one_in(10) ? v1::Record::KIND_FLOW : v1::Record::KIND_CALL);
  now_ns_ += below(1'000'000'000);
  record.set_opened_ns(now_ns_ - below(3'000'000'000));
  record.set_closed_ns(record.opened_ns() + below(5'000'000) * (one_in(50) ? 1'000'000 : 1'000));
  if (one_in(100)) record.set_closed_ns(record.opened_ns() - 1);  // the clock was set back
  record.mutable_workload()->set_registry_id(1 + below(4));
  record.mutable_workload()->set_name(pick(workloads));
  record.mutable_workload()->set_spiffe_id(pick(spiffe_ids));
  record.mutable_process()->set_exe_path(pick(processes));
  record.mutable_destination()->set_port(pick(ports));
  record.set_outcome(one_in(9) ? v1::OUTCOME_UNSPECIFIED : pick(outcomes));
  record.set_error_code(pick(codes));
  if (record.kind() == v1::Record::KIND_FLOW) return record;
  record.set_call_id(id_bytes_of({7, thread, ++counter_}));
  record.mutable_target()->set_host(pick(hosts));
  record.mutable_target()->set_port(pick(ports));
  const std::string item = one_in(2) ? std::to_string(below(5)) : std::to_string(counter_);
  record.set_function("http:" + pick(methods) + " " + record.target().host() + "/v1/items/" + item);
  record.mutable_decision()->set_verdict(pick(verdicts));
  record.mutable_decision()->set_enforced(one_in(2));
  record.mutable_decision()->set_policy(pick(policies));
  record.mutable_decision()->set_rule(pick(rules));
  if (one_in(8)) record.mutable_decision()->mutable_trial()->set_policy("next");
  record.set_status(pick(statuses));
  return record;
}

Query Traffic::query() {
  Query query;
  const auto maybe = [this](std::string& text, const Words& words) {
    if (one_in(6)) text = one_in(8) ? "nobody" : pick(words);
  };
  if (one_in(5)) query.since_ns = now_ns_ - below(4'000'000'000'000);
  if (one_in(5)) query.until_ns = now_ns_ - below(4'000'000'000'000);
  maybe(query.workload, workloads);
  maybe(query.name_space, name_spaces);
  maybe(query.process, {"/usr/bin/*", "*python*", "/opt/app/server", "*"});
  maybe(query.function,
        {"http:GET *", "*/items/3", "http:* *.internal/v1/*", "http:POST api.pay.internal/v1/items/1"});
  maybe(query.host, {"api.PAY.internal", "*.internal", "10.0.0.7", "*"});
  maybe(query.policy, policies);
  maybe(query.rule, rules);
  maybe(query.error_code, codes);
  if (one_in(6)) query.port = pick(ports);
  if (one_in(4)) query.decision = static_cast<DecisionFilter>(below(4));
  if (one_in(6)) query.outcome = pick(outcomes);
  if (one_in(6)) query.status = parse_status(pick(Words{"404", "4xx", "200-404", "0"})).value();
  if (one_in(10)) query.session = Id{7, static_cast<std::uint32_t>(below(3)), 1 + below(counter_ + 1)};
  if (one_in(6)) query.min_duration_us = below(6'000'000);
  if (one_in(4)) {
    const std::uint64_t odd = below(2);
    query.visible = [odd](std::uint64_t id, std::string_view name) {
      return id % 2 == odd && name != "batch";
    };
  }
  return query;
}

Position Log::add(std::uint64_t epoch, const v1::Record& record) {
  const Position position = make_position(epoch, entries_[epoch]++);
  records_.emplace(position, record);
  return position;
}

Position Log::end(std::uint64_t epoch) const {
  const auto place = entries_.find(epoch);
  return make_position(epoch, place == entries_.end() ? 0 : place->second);
}

std::vector<Position> Log::list(const Query& query, Sort sort) const {
  std::vector<std::pair<std::uint64_t, Position>> found;
  for (const auto& [position, record] : records_) {
    if (!matches(query, record)) continue;
    const std::uint64_t key = sort == Sort::newest   ? 0
                              : sort == Sort::oldest ? record.opened_ns()
                                                     : duration_us(record);
    found.emplace_back(key, position);
  }
  std::sort(found.begin(), found.end());
  if (sort == Sort::newest || sort == Sort::longest) std::reverse(found.begin(), found.end());
  std::vector<Position> positions;
  for (const auto& [key, position] : found)
    positions.push_back(position);
  return positions;
}

std::map<std::string, std::uint64_t> Log::count_by(const Query& query, GroupBy column) const {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [position, record] : records_)
    if (matches(query, record)) ++counts[group_of(record, column)];
  return counts;
}

void catch_up(Index& index, const Log& log, std::uint64_t epoch) {
  for (Position position = index.next_position(epoch); position < log.end(epoch); ++position) {
    const auto added = index.add(position, log.records().at(position));
    if (!added) throw ErrorException(added.error());
  }
}

Result<std::vector<Position>> list_all(const Index& index, const Query& query, Sort sort, std::size_t page) {
  std::vector<Position> all;
  std::string cursor;
  do {
    const auto got = index.list(query, sort, cursor, page);
    if (!got) return got.error();
    all.insert(all.end(), got->positions.begin(), got->positions.end());
    cursor = got->next;
  } while (!cursor.empty());
  return all;
}

std::string id_bytes_of(const Id& id) {
  return id_bytes(id);
}

}  // namespace callgate::index::test
