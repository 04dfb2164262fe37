#include <catch2/catch.hpp>

#include "../record/temporary.hpp"
#include "index/row.hpp"
#include "traffic.hpp"

namespace callgate::index::test {
namespace {

using callgate::test::TemporaryDirectory;

v1::Record call(const Id& session, const Id& call) {
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  record.set_session_id(id_bytes_of(session));
  record.set_call_id(id_bytes_of(call));
  record.set_opened_ns(call.counter * 1000);
  record.set_closed_ns(call.counter * 1000 + 5000);
  record.mutable_workload()->set_name("web");
  return record;
}

struct World {
  World() : index(Index::open({directory.path()}).value()) {}

  void add(const v1::Record& record) {
    const Position position = log.add(1, record);
    REQUIRE(index->add(position, record).has_value());
  }
  void add_random(std::size_t records) {
    for (; records > 0; --records)
      add(traffic.record());
  }
  void restart() {
    index.reset();
    index = Index::open({directory.path()}).value();
  }
  [[nodiscard]] std::vector<Position> all() const { return list_all(*index, {}, Sort::newest, 1000).value(); }
  [[nodiscard]] EpochSource source() const {
    return [this](const AddEntry& add) -> Result<void> {
      for (const auto& [position, record] : log.records())
        if (epoch_of(position) == 1) CALLGATE_TRY(add(position, record));
      return {};
    };
  }

  TemporaryDirectory directory;
  Traffic traffic{11};
  Log log;
  std::unique_ptr<Index> index;
};

TEST_CASE(
    "Entries are added without gaps: a later one is refused, an earlier one passes, other kinds count") {
  World world;
  CHECK(world.index->next_position(1) == make_position(1, 0));
  CHECK(world.index->add(make_position(1, 1), call({1, 0, 1}, {1, 0, 2})).error().code == "index_gap");
  world.add(call({1, 0, 1}, {1, 0, 2}));
  world.add(v1::Record());
  CHECK(world.index->next_position(1) == make_position(1, 2));
  CHECK(world.index->add(make_position(1, 0), call({1, 0, 8}, {1, 0, 9})).has_value());
  CHECK(world.index->next_position(1) == make_position(1, 2));
  CHECK(world.all() == std::vector<Position>{make_position(1, 0)});
}

TEST_CASE("The namespace is that of a Kubernetes service account's SPIFFE ID") {
  CHECK(namespace_of("spiffe://prod/ns/shop/sa/web") == "shop");
  for (const char* const other :
       {"", "spiffe://prod", "spiffe:///ns/shop/sa/web", "spiffe://prod/ns/shop", "spiffe://prod/ns/shop/sa/",
        "spiffe://prod/ns/shop/sa/web/x", "spiffe://prod/x/ns/shop/sa/web", "http://prod/ns/shop/sa/web",
        "spiffe://prod/ns/shop/pod/web"}) {
    CAPTURE(other);
    CHECK(namespace_of(other).empty());
  }
}

TEST_CASE("A status is one, a class or a range") {
  const auto is = [](const char* text, std::uint32_t first, std::uint32_t last) {
    const auto range = parse_status(text);
    return range && range->first == first && range->last == last;
  };
  CHECK(is("404", 404, 404));
  CHECK(is("4xx", 400, 499));
  CHECK(is("400-403", 400, 403));
  for (const char* const wrong :
       {"", "xx", "0xx", "4x", "4xxx", "403-400", "-", "4-", "-4", "65536", "+4", "4 "}) {
    CAPTURE(wrong);
    REQUIRE_FALSE(parse_status(wrong).has_value());
    CHECK(parse_status(wrong).error().code == "invalid");
  }
}

TEST_CASE("A cursor of another order, or any other text, is refused") {
  World world;
  world.add_random(50);
  const std::string good = world.index->list({}, Sort::newest, {}, 10).value().next;
  REQUIRE(world.index->list({}, Sort::newest, good, 10).has_value());
  CHECK(world.index->list({}, Sort::oldest, good, 10).error().code == "bad_cursor");
  std::vector<std::string> hostile{"n",
                                   "0",
                                   std::string(33, 'n'),
                                   std::string(100'000, '0'),
                                   good + "0",
                                   std::string("n\0", 2) + good.substr(2),
                                   "n+" + good.substr(2),
                                   "n " + good.substr(2)};
  for (std::size_t size = 1; size < good.size(); ++size)
    hostile.push_back(good.substr(0, size));
  for (const std::string& cursor : hostile) {
    CAPTURE(cursor);
    CHECK(world.index->list({}, Sort::newest, cursor, 10).error().code == "bad_cursor");
  }
  CHECK(world.index->list({}, Sort::newest, "n" + std::string(32, 'f'), 10).value().positions.empty());
  CHECK(world.index->list({}, Sort::newest, {}, 0).error().code == "invalid");
  CHECK(world.index->list({}, Sort::newest, {}, most_listed + 1).error().code == "invalid");
}

TEST_CASE("A session is found by either end of its id, or of a call's, if it is the only one") {
  World world;
  world.add(call({1, 2, 0xabcdef}, {1, 2, 0xabcdf0}));
  world.add(call({1, 2, 0xabcdef}, {1, 2, 0xabcdf1}));
  world.add(call({0x90000001, 3, 0x1000000abcdef}, {0x90000001, 3, 0x1000000abcdf2}));
  const Index& index = *world.index;
  CHECK(index.find("ABCDF1").value() == Id{1, 2, 0xabcdef});
  CHECK(index.find("0000000100000002").value() == Id{1, 2, 0xabcdef});
  CHECK(index.find("900000").value() == Id{0x90000001, 3, 0x1000000abcdef});
  CHECK(index.find(to_string(Id{1, 2, 0xabcdf0})).value() == Id{1, 2, 0xabcdef});
  CHECK(index.find("30001000000abcdf2").value() == Id{0x90000001, 3, 0x1000000abcdef});
  CHECK(index.find("abcdef").error().code == "ambiguous");
  CHECK(index.find("abcdff").error().code == "not_found");
  CHECK(index.find(to_string(Id{1, 2, 1})).error().code == "not_found");
  for (const std::string& wrong :
       {std::string("abcde"), std::string(33, 'a'), std::string("abcdeg"), std::string()})
    CHECK(index.find(wrong).error().code == "bad_id");
  CHECK(index.records_of({1, 2, 0xabcdef}).value() ==
        std::vector<Position>{make_position(1, 0), make_position(1, 1)});
  CHECK(index.records_of({1, 2, 0xabcdf0}).error().code == "not_found");
}

TEST_CASE("Whether a workload may be seen is asked once a block for each") {
  World world;
  for (std::uint64_t at = 0; at < 1000; ++at)
    world.add(call({1, 0, 1}, {1, 0, 2 + at}));
  int asked = 0;
  Query query;
  query.visible = [&asked](std::uint64_t, std::string_view workload) {
    ++asked;
    return workload == "web";
  };
  CHECK(world.index->count(query).value() == 1000);
  CHECK(asked == 1);
}

TEST_CASE("Groups beyond the largest number of them are counted together") {
  World world;
  for (std::uint64_t at = 0; at < most_groups + 7; ++at) {
    v1::Record record = call({1, 0, 1}, {1, 0, 2 + at});
    record.set_function("f" + std::to_string(at));
    REQUIRE(world.index->add(make_position(1, at), record).has_value());
  }
  const Groups groups = world.index->count_by({}, GroupBy::function).value();
  CHECK(groups.groups.size() == most_groups);
  CHECK(groups.others == 7);
}

TEST_CASE("Long texts are kept whole, and fill a block sooner") {
  World world;
  for (std::uint64_t at = 0; at < 400; ++at) {
    v1::Record record = call({1, 0, 1}, {1, 0, 2 + at});
    record.set_function(std::string(8000, 'f') + std::to_string(at));
    world.add(record);
  }
  Query query;
  query.function = "*f17";
  CHECK(world.index->count(query).value() == 1);
  REQUIRE(world.index->flush().has_value());
  world.restart();
  CHECK(entry_of(world.index->next_position(1)) > 200);
  CHECK(entry_of(world.index->next_position(1)) < 300);
  CHECK(world.index->count(query).value() == 1);
}

TEST_CASE("An epoch that another one follows is stored whole, and can be dropped") {
  World world;
  world.add_random(100);
  const Position next = make_position(2, 0);
  REQUIRE(world.index->add(next, call({1, 0, 1}, {1, 0, 2})).has_value());
  REQUIRE(world.index->flush().has_value());
  world.restart();
  CHECK(world.index->next_position(1) == make_position(1, 100));
  CHECK(world.index->next_position(2) == next);
  CHECK((world.all() == world.log.list({}, Sort::newest)));
  CHECK(world.index->epochs() == std::vector<std::uint64_t>{1});
  REQUIRE(world.index->drop(1).has_value());
  REQUIRE(world.index->drop(9).has_value());
  CHECK(world.all().empty());
  CHECK(std::filesystem::is_empty(world.directory.path()));
}

TEST_CASE("What the log has lost is forgotten, and what it has instead is found") {
  World world;
  world.add_random(9500);
  REQUIRE(world.index->flush().has_value());
  const bool restarted = GENERATE(false, true);
  if (restarted) world.restart();
  const std::uint64_t kept = GENERATE(9400U, 5000U, 4096U, 1U, 0U);
  REQUIRE(world.index->truncate(make_position(1, kept)).has_value());
  CHECK(entry_of(world.index->next_position(1)) <= kept);
  Log other;
  for (const auto& [position, record] : world.log.records())
    if (entry_of(position) < kept) (void)other.add(1, record);
  for (int at = 0; at < 300; ++at)
    (void)other.add(1, world.traffic.record());
  catch_up(*world.index, other, 1);
  REQUIRE(world.index->flush().has_value());
  CHECK((world.all() == other.list({}, Sort::newest)));
  CHECK((list_all(*world.index, {}, Sort::longest, 1000).value() == other.list({}, Sort::longest)));
}

TEST_CASE("An index is built anew beside the old one, which stays where that fails") {
  World world;
  world.add_random(9000);
  REQUIRE(world.index->flush().has_value());
  const auto expected = world.all();
  const auto failed =
      world.index->reindex(1,
                           [&world](const AddEntry& add) -> Result<void> {
                             CALLGATE_TRY(add(make_position(1, 0), world.log.records().begin()->second));
                             return make_error("log_damaged", "the log ends here");
                           },
                           {});
  CHECK(failed.error().code == "log_damaged");
  CHECK((world.all() == expected));

  std::uint64_t seen = 0;
  REQUIRE(world.index->reindex(1, world.source(), [&seen](std::uint64_t entries) { seen = entries; })
              .has_value());
  CHECK(seen == 9000);
  CHECK((world.all() == expected));
  CHECK(world.index->next_position(1) == make_position(1, 9000));
  world.add_random(5000);
  REQUIRE(world.index->flush().has_value());
  world.restart();
  catch_up(*world.index, world.log, 1);
  CHECK((world.all() == world.log.list({}, Sort::newest)));
}

TEST_CASE("What an interrupted rebuild left behind is removed") {
  World world;
  world.add_random(10);
  world.index.reset();
  for (const char* const left : {"index-1.db.new", "index-1.db.new-wal", "index-3.db.new-shm"})
    std::filesystem::copy_file("/proc/self/stat", world.directory / left);
  world.index = Index::open({world.directory.path()}).value();
  CHECK(std::filesystem::is_empty(world.directory.path()));
  CHECK(world.index->epochs().empty());
}

}  // namespace
}  // namespace callgate::index::test
