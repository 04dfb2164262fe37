#include "cli/session_pages.hpp"

#include <algorithm>
#include <map>

namespace callgate::cli {
namespace {

constexpr std::uint64_t largest_page = 1000;
constexpr std::size_t most_groups = 100'000;

}  // namespace

Result<std::string> each_page(control::Client& client, v1::ListSessionsRequest request, std::uint64_t limit,
                              const std::function<bool(const v1::ListSessionsReply&)>& take) {
  bool wanted = true;
  do {
    request.set_page_size(static_cast<std::uint32_t>(std::min(limit, largest_page)));
    const auto reply = client.list_sessions(request);
    if (!reply) return reply.error();
    const auto size = static_cast<std::uint64_t>(reply->records_size());
    if (size > limit)
      return make_error("internal",
                        "callgated sent more records than were asked for: it is of another version");
    limit -= size;
    wanted = size == 0 || take(*reply);
    request.set_page_token(reply->next_page_token());
  } while (wanted && limit > 0 && !request.page_token().empty());
  return request.page_token();
}

Result<v1::ListSessionsReply> longest_calls(control::Client& client, v1::ListSessionsRequest request,
                                            std::uint32_t limit) {
  request.set_order(v1::SESSION_ORDER_DURATION);
  request.set_page_size(limit);
  std::vector<v1::Record> kept;
  do {
    auto reply = client.list_sessions(request);
    if (!reply) return reply.error();
    for (auto& record : *reply->mutable_records())
      kept.push_back(std::move(record));
    std::stable_sort(kept.begin(), kept.end(), [&](const v1::Record& left, const v1::Record& right) {
      const auto a = left.timings().total_us();
      const auto b = right.timings().total_us();
      return request.reverse() ? a < b : a > b;
    });
    if (kept.size() > limit) kept.resize(limit);
    request.set_page_token(reply->next_page_token());
  } while (!request.page_token().empty());
  v1::ListSessionsReply all;
  for (auto& record : kept)
    *all.add_records() = std::move(record);
  return all;
}

Result<v1::ListSessionsReply> count_calls(control::Client& client, v1::ListSessionsRequest request) {
  request.set_count(true);
  v1::ListSessionsReply all;
  std::map<std::string, std::uint64_t> groups;
  do {
    const auto reply = client.list_sessions(request);
    if (!reply) return reply.error();
    all.set_count(all.count() + reply->count());
    for (const auto& group : reply->groups())
      groups[group.value()] += group.count();
    if (groups.size() > most_groups) {
      return make_error("too_many",
                        "there are more than 100000 different values: narrow the question, for example with "
                        "--since or --function");
    }
    request.set_page_token(reply->next_page_token());
  } while (!request.page_token().empty());
  for (const auto& [value, number] : groups) {
    auto& group = *all.add_groups();
    group.set_value(value);
    group.set_count(number);
  }
  std::stable_sort(all.mutable_groups()->begin(), all.mutable_groups()->end(),
                   [](const auto& left, const auto& right) { return left.count() > right.count(); });
  return all;
}

}  // namespace callgate::cli
