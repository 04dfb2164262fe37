// The index against a scan over every record.
#include <algorithm>

#include <catch2/catch.hpp>

#include "../record/temporary.hpp"
#include "traffic.hpp"

namespace callgate::index::test {
namespace {

using callgate::test::TemporaryDirectory;

constexpr std::array all_sorts{Sort::newest, Sort::oldest, Sort::longest, Sort::shortest};

// A log that is indexed as it grows, with flushes, restarts and new epochs in between.
struct Growing {
  explicit Growing(std::uint64_t seed) : traffic(seed), index(Index::open({directory.path()}).value()) {}

  void grow(std::size_t records) {
    for (; records > 0; --records) {
      if (traffic.one_in(4000)) ++epoch;
      const v1::Record record = traffic.record();
      const Position position = log.add(epoch, record);
      REQUIRE(index->add(position, record).has_value());
      if (traffic.one_in(1000)) REQUIRE(index->flush().has_value());
      if (traffic.one_in(7000)) restart();
    }
  }

  void restart() {
    index.reset();
    index = Index::open({directory.path()}).value();
    for (std::uint64_t at = 1; at <= epoch; ++at)
      catch_up(*index, log, at);
  }

  TemporaryDirectory directory;
  Traffic traffic;
  Log log;
  std::uint64_t epoch = 1;
  std::unique_ptr<Index> index;
};

TEST_CASE("Lists and counts are those of a scan over the whole log") {
  Growing world(GENERATE(1U, 2U));
  std::size_t found = 0;
  for (int round = 0; round < 4; ++round) {
    world.grow(1 + world.traffic.below(5000));
    for (int asked = 0; asked < 20; ++asked) {
      const Query query = world.traffic.query();
      const Sort sort = all_sorts[world.traffic.below(all_sorts.size())];
      const auto expected = world.log.list(query, sort);
      found += expected.size();
      CHECK((list_all(*world.index, query, sort, 200 + world.traffic.below(2000)).value() == expected));
      CHECK(world.index->count(query).value() == expected.size());
      const auto column = static_cast<GroupBy>(world.traffic.below(11));
      std::map<std::string, std::uint64_t> counted;
      for (const Group& group : world.index->count_by(query, column).value().groups)
        counted.emplace(group.value, group.count);
      CHECK(counted == world.log.count_by(query, column));
    }
  }
  CHECK(found > 1000);  // the queries above find something
}

TEST_CASE("Pages miss nothing and repeat nothing while records are added between them") {
  Growing world(4);
  world.grow(9000);
  for (int asked = 0; asked < 12; ++asked) {
    const Query query = asked < 4 ? Query{} : world.traffic.query();
    const Sort sort = all_sorts[static_cast<std::size_t>(asked) % all_sorts.size()];
    const auto expected = world.log.list(query, sort);
    const Position last = world.log.records().rbegin()->first;
    std::vector<Position> all;
    std::string cursor;
    do {
      const Page page = world.index->list(query, sort, cursor, 700).value();
      all.insert(all.end(), page.positions.begin(), page.positions.end());
      cursor = page.next;
      world.grow(50);
    } while (!cursor.empty());
    const auto now = world.log.list(query, sort);
    std::vector<Position> distinct = all;
    std::sort(distinct.begin(), distinct.end());
    CHECK(std::adjacent_find(distinct.begin(), distinct.end()) == distinct.end());
    CHECK(std::all_of(all.begin(), all.end(),
                      [&now](Position at) { return std::find(now.begin(), now.end(), at) != now.end(); }));
    all.erase(std::remove_if(all.begin(), all.end(), [last](Position at) { return at > last; }), all.end());
    CHECK((all == expected));
  }
}

TEST_CASE("Every session is found by its id and by the ids of its calls, with all of its records") {
  Growing world(6);
  world.grow(9000);
  std::map<std::string, std::vector<Position>> sessions;
  for (const auto& [position, record] : world.log.records())
    if (!record.session_id().empty()) sessions[record.session_id()].push_back(position);
  REQUIRE(sessions.size() > 1000);
  std::size_t at = 0;
  for (const auto& [session, positions] : sessions) {
    if (++at % 50 != 0) continue;
    const std::string digits = to_hex(as_bytes(session));
    const Id id = parse_id(digits).value();
    CHECK(world.index->find(digits).value() == id);
    CHECK(world.index->find(digits.substr(20)).value() == id);
    const std::string& call = world.log.records().at(positions.front()).call_id();
    if (!call.empty()) CHECK(world.index->find(to_hex(as_bytes(call)).substr(10)).value() == id);
    CHECK(world.index->records_of(id).value() == positions);
  }
}

}  // namespace
}  // namespace callgate::index::test
