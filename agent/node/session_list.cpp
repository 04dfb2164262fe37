#include "node/session_list.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace callgate::node {
namespace {

constexpr std::uint32_t default_page = 100;
constexpr std::uint32_t largest_page = 1000;

constexpr std::array<std::pair<v1::SessionColumn, index::GroupBy>, 11> columns{{
    {v1::SESSION_COLUMN_WORKLOAD, index::GroupBy::workload},
    {v1::SESSION_COLUMN_NAMESPACE, index::GroupBy::name_space},
    {v1::SESSION_COLUMN_PROCESS, index::GroupBy::process},
    {v1::SESSION_COLUMN_FUNCTION, index::GroupBy::function},
    {v1::SESSION_COLUMN_HOST, index::GroupBy::host},
    {v1::SESSION_COLUMN_DECISION, index::GroupBy::decision},
    {v1::SESSION_COLUMN_POLICY, index::GroupBy::policy},
    {v1::SESSION_COLUMN_RULE, index::GroupBy::rule},
    {v1::SESSION_COLUMN_OUTCOME, index::GroupBy::outcome},
    {v1::SESSION_COLUMN_STATUS, index::GroupBy::status},
    {v1::SESSION_COLUMN_ERROR_CODE, index::GroupBy::error_code},
}};

index::Sort sort_of(const v1::ListSessionsRequest& request) {
  if (request.order() == v1::SESSION_ORDER_DURATION)
    return request.reverse() ? index::Sort::shortest : index::Sort::longest;
  return request.reverse() ? index::Sort::oldest : index::Sort::newest;
}

Result<v1::ListSessionsReply> count(const EvidenceReader& reader, const index::Query& query,
                                    v1::SessionColumn column) {
  v1::ListSessionsReply reply;
  const auto all = reader.store.count(query);
  if (!all) return all.error();
  reply.set_count(*all);
  for (const auto& [name, group_by] : columns) {
    if (name != column) continue;
    const auto groups = reader.store.count_by(query, group_by);
    if (!groups) return groups.error();
    for (const auto& group : groups->groups) {
      auto& to = *reply.add_groups();
      to.set_value(group.value);
      to.set_count(group.count);
    }
  }
  return reply;
}

}  // namespace

Result<v1::ListSessionsReply> list_sessions(const EvidenceReader& reader,
                                            const v1::ListSessionsRequest& request) {
  const auto filter = inquiry::check_filter(request.filter());
  if (!filter) return filter.error();
  if (!v1::SessionOrder_IsValid(request.order()) || !v1::SessionColumn_IsValid(request.count_by())) {
    return make_error("invalid",
                      "this callgated does not know the order or the column: it is older than the command");
  }
  const auto query = to_query(*filter, reader);
  if (!query && query.error().code == "not_found") return v1::ListSessionsReply();
  if (!query) return query.error();
  if (request.count()) return count(reader, *query, request.count_by());
  const std::size_t limit =
      request.page_size() == 0 ? default_page : std::min(request.page_size(), largest_page);
  auto page = reader.store.list(*query, sort_of(request), request.page_token(), limit);
  if (!page && page.error().code == "bad_cursor")
    return make_error("invalid", "the page token is none of ours");
  if (!page) return page.error();
  v1::ListSessionsReply reply;
  for (auto& record : page->records)
    *reply.add_records() = std::move(record);
  reply.set_next_page_token(page->next);
  return reply;
}

}  // namespace callgate::node
