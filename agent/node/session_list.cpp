#include "node/session_list.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "inquiry/column.hpp"

namespace callgate::node {
namespace {

constexpr std::uint32_t default_page = 100;
constexpr std::uint32_t largest_page = 1000;
constexpr std::size_t most_groups = 10'000;

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

Result<record::Cursor> parse_token(const std::string& token) {
  record::Cursor cursor = 0;
  if (token.empty()) return cursor;
  const auto* const end = token.data() + token.size();
  const auto parsed = std::from_chars(token.data(), end, cursor);
  if (parsed.ec != std::errc{} || parsed.ptr != end || cursor == 0)
    return invalid("the page token is none of ours");
  return cursor;
}

void set_next(v1::ListSessionsReply& reply, record::Cursor next) {
  if (next != 0) reply.set_next_page_token(std::to_string(next));
}

Result<v1::ListSessionsReply> count(const Question& question, const v1::ListSessionsRequest& request,
                                    record::Cursor start, std::uint64_t budget) {
  std::uint64_t all = 0;
  std::map<std::string, std::uint64_t> groups;
  const auto next = visit_newest_first(
      question, start,
      [&](const v1::Record& record) {
        ++all;
        if (request.count_by() != v1::SESSION_COLUMN_NONE)
          ++groups[inquiry::column_value(request.count_by(), record)];
        return groups.size() < most_groups;
      },
      budget);
  if (!next) return next.error();
  v1::ListSessionsReply reply;
  reply.set_count(all);
  for (const auto& [value, number] : groups) {
    auto& group = *reply.add_groups();
    group.set_value(value);
    group.set_count(number);
  }
  set_next(reply, *next);
  return reply;
}

// The longest (or shortest) of the stretch: a heap whose top is the first to go.
Result<v1::ListSessionsReply> by_duration(const Question& question, const v1::ListSessionsRequest& request,
                                          record::Cursor start, std::size_t limit, std::uint64_t budget) {
  std::vector<v1::Record> kept;
  const auto comes_first = [&request](const v1::Record& left, const v1::Record& right) {
    const auto a = left.timings().total_us();
    const auto b = right.timings().total_us();
    return request.reverse() ? a < b : a > b;
  };
  const auto next = visit_newest_first(
      question, start,
      [&](const v1::Record& record) {
        if (kept.size() == limit) {
          if (!comes_first(record, kept.front())) return true;
          std::pop_heap(kept.begin(), kept.end(), comes_first);
          kept.pop_back();
        }
        kept.push_back(record);
        std::push_heap(kept.begin(), kept.end(), comes_first);
        return true;
      },
      budget);
  if (!next) return next.error();
  std::sort_heap(kept.begin(), kept.end(), comes_first);
  v1::ListSessionsReply reply;
  for (auto& record : kept)
    *reply.add_records() = std::move(record);
  set_next(reply, *next);
  return reply;
}

}  // namespace

Result<v1::ListSessionsReply> list_sessions(const record::StoreQueries& store,
                                            const v1::ListSessionsRequest& request, const Visible& visible,
                                            std::uint64_t budget) {
  const auto filter = inquiry::check_filter(request.filter());
  if (!filter) return filter.error();
  const auto start = parse_token(request.page_token());
  if (!start) return start.error();
  if (!v1::SessionOrder_IsValid(request.order()) || !v1::SessionColumn_IsValid(request.count_by()))
    return invalid("this callgated does not know the order or the column: it is older than the command");
  const Question question{store, *filter, visible};
  const std::size_t limit =
      request.page_size() == 0 ? default_page : std::min(request.page_size(), largest_page);
  if (request.count()) return count(question, request, *start, budget);
  if (request.order() == v1::SESSION_ORDER_DURATION)
    return by_duration(question, request, *start, limit, budget);
  auto stretch = request.reverse() ? scan_oldest_first(question, *start, limit, budget)
                                   : scan_newest_first(question, *start, limit, budget);
  if (!stretch) return stretch.error();
  v1::ListSessionsReply reply;
  for (auto& record : stretch->records)
    *reply.add_records() = std::move(record);
  set_next(reply, stretch->next);
  return reply;
}

}  // namespace callgate::node
