// Asking the index.
#include <algorithm>

#include <fmt/format.h>

#include "index/id_search.hpp"
#include "index/index.hpp"
#include "index/matcher.hpp"

namespace callgate::index {
namespace {

// How often a query begins anew because an epoch was rebuilt or dropped while it read.
constexpr int most_attempts = 4;

}  // namespace

Result<Blocks> Index::blocks(const std::function<bool(const Summary&)>& wanted) const {
  const std::lock_guard lock(mutex_);
  Blocks found;
  for (auto& [number, epoch] : epochs_) {
    if (epoch.damaged()) {
      return make_error(
          "index_damaged",
          fmt::format("the index of epoch {} is damaged: run `callgate audit reindex`", number));
    }
    epoch.gather(wanted, found);
  }
  return found;
}

// What `search` makes of the blocks that are wanted, oldest first.
template <typename Ask>
auto Index::ask(const std::function<bool(const Summary&)>& wanted, Ask search) const
    -> decltype(search(Blocks())) {
  for (int attempt = 1;; ++attempt) {
    const auto found = blocks(wanted);
    if (!found) return found.error();
    auto answer = search(*found);
    if (answer || answer.error().code != "index_changed" || attempt == most_attempts) return answer;
  }
}

Result<Page> Index::list(const Query& query, Sort sort, std::string_view cursor, std::size_t limit) const {
  const Matcher matcher(query);
  return ask([&matcher](const Summary& summary) { return matcher.may_match(summary); },
             [&](const Blocks& found) { return index::list(found, query, sort, cursor, limit); });
}

Result<std::uint64_t> Index::count(const Query& query) const {
  const Matcher matcher(query);
  return ask([&matcher](const Summary& summary) { return matcher.may_match(summary); },
             [&query](const Blocks& found) { return index::count(found, query); });
}

Result<Groups> Index::count_by(const Query& query, GroupBy column) const {
  const Matcher matcher(query);
  return ask([&matcher](const Summary& summary) { return matcher.may_match(summary); },
             [&query, column](const Blocks& found) { return index::count_by(found, query, column); });
}

Result<Id> Index::find(std::string_view digits) const {
  const auto patterns = id_patterns(digits);
  if (!patterns) return patterns.error();
  const auto wanted = [&patterns](const Summary& summary) {
    return std::any_of(patterns->begin(), patterns->end(),
                       [&summary](const IdPattern& pattern) { return pattern.may_match(summary); });
  };
  return ask(wanted, [&](const Blocks& found) {
    return index::find({found.rbegin(), found.rend()}, *patterns, digits);
  });
}

Result<std::vector<Position>> Index::records_of(const Id& session) const {
  Query query;
  query.session = session;
  const Matcher matcher(query);
  const auto search = [&](const Blocks& found) -> Result<std::vector<Position>> {
    std::vector<Position> positions;
    for (const BlockPlace& place : found) {
      BlockReader block(place);
      const auto rows = matcher.select(block);
      if (!rows) return rows.error();
      if (rows->empty()) continue;
      const auto entries = block.numbers(Number::entry);
      if (!entries) return entries.error();
      for (const std::uint16_t row : *rows)
        positions.push_back(place.position((**entries)[row]));
    }
    if (positions.empty()) return make_error("not_found", fmt::format("no session {}", to_string(session)));
    return positions;
  };
  return ask([&matcher](const Summary& summary) { return matcher.may_match(summary); }, search);
}

}  // namespace callgate::index
