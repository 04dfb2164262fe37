#include <catch2/catch.hpp>
#include <fcntl.h>

#include "record/file_store.hpp"
#include "record/record_fields.hpp"
#include "temporary.hpp"

namespace callgate::record {
namespace {

struct Writer {
  explicit Writer(FileStoreOptions options) : store(FileStore::open(std::move(options)).value()) {
    batch = store->last_position().batch;
  }

  void add(Id session, Id call, v1::Outcome outcome = v1::OUTCOME_COMPLETED, std::string_view body = {},
           const std::string& workload = "web") {
    v1::Record record;
    record.set_kind(v1::Record::KIND_CALL);
    record.set_session_id(id_bytes(session));
    record.set_call_id(id_bytes(call));
    record.set_opened_ns(call.counter * 100);
    record.set_closed_ns(call.counter * 100 + 50);
    record.set_outcome(outcome);
    record.mutable_workload()->set_name(workload);
    record.mutable_decision()->set_verdict(outcome == v1::OUTCOME_DENIED ? v1::VERDICT_DENY
                                                                         : v1::VERDICT_ALLOW);
    if (!body.empty()) {
      PayloadFrame frame;
      frame.call = call;
      frame.kind = FrameKind::body;
      const std::uint64_t pointer = store->add_payload(frame, as_bytes(body));
      record.set_payload_reference(&pointer, sizeof(pointer));
    }
    store->add_record({++batch, 0}, session, call, record);
  }
  void flush() { REQUIRE(store->flush().has_value()); }

  std::unique_ptr<FileStore> store;
  std::uint64_t batch = 0;
};

Id id(std::uint64_t counter) {
  return {1, 0, counter};
}

std::vector<std::uint64_t> counters(const SessionPage& page) {
  std::vector<std::uint64_t> found;
  for (const auto& row : page.rows)
    found.push_back(row.session.counter);
  return found;
}

// Three sessions: 1 with calls 2, 3 and 6; 4 with call 5; 7 with call 8 of another workload.
void fill(Writer& writer) {
  writer.add(id(1), id(2), v1::OUTCOME_COMPLETED, "body of 2");
  writer.add(id(1), id(3), v1::OUTCOME_FAILED);
  writer.flush();
  writer.add(id(4), id(5), v1::OUTCOME_DENIED);
  writer.add(id(1), id(6));
  writer.add(id(7), id(8), v1::OUTCOME_COMPLETED, {}, "batch");
  writer.flush();
}

TEST_CASE("Sessions are listed newest first, with filters and in pages, and the same after a restart") {
  test::TemporaryDirectory directory;
  {
    Writer writer({directory.path()});
    fill(writer);
  }
  const bool rebuilt = GENERATE(false, true);
  if (rebuilt) std::filesystem::remove(directory / "records-1.index");
  Writer writer({directory.path()});
  const FileStore& store = *writer.store;
  const auto all = store.list_sessions({}, 0, 10).value();
  CHECK(counters(all) == std::vector<std::uint64_t>{7, 4, 1});
  CHECK(all.next == 0);
  CHECK(all.rows[2].calls == 3);
  CHECK(all.rows[2].first.call_id() == id_bytes(id(2)));
  CHECK(all.rows[2].worst.call_id() == id_bytes(id(3)));
  CHECK(all.rows[2].opened_ns == 200);
  CHECK(all.rows[2].closed_ns == 650);

  auto page = store.list_sessions({}, 0, 2).value();
  CHECK(counters(page) == std::vector<std::uint64_t>{7, 4});
  REQUIRE(page.next != 0);
  page = store.list_sessions({}, page.next, 2).value();
  CHECK(counters(page) == std::vector<std::uint64_t>{1});
  CHECK(page.next == 0);

  CHECK(counters(store.list_sessions({"batch", {}, {}, 0, 0}, 0, 9).value()) ==
        std::vector<std::uint64_t>{7});
  CHECK(counters(store.list_sessions({"", v1::VERDICT_DENY, {}, 0, 0}, 0, 9).value()) ==
        std::vector<std::uint64_t>{4});
  CHECK(counters(store.list_sessions({"", {}, v1::OUTCOME_FAILED, 0, 0}, 0, 9).value()) ==
        std::vector<std::uint64_t>{1});
  CHECK(counters(store.list_sessions({"", {}, {}, 500, 800}, 0, 9).value()) == std::vector<std::uint64_t>{4});
  CHECK(store.list_sessions({"nobody", {}, {}, 0, 0}, 0, 9)->rows.empty());
  CHECK(store.last_position() == RecordPosition{5, 0});
}

TEST_CASE("Records are listed newest first, with filters and in pages") {
  test::TemporaryDirectory directory;
  Writer writer({directory.path()});
  fill(writer);
  const auto list = [&](const RecordFilter& filter, Cursor before, std::size_t limit) {
    const auto page = writer.store->list_records(filter, before, limit).value();
    std::vector<std::uint64_t> found;
    for (const auto& record : page.records)
      found.push_back(id_from_bytes(record.call_id()).counter);
    return std::pair(found, page.next);
  };
  CHECK(list({}, 0, 10).first == std::vector<std::uint64_t>{8, 6, 5, 3, 2});
  const auto [first, next] = list({}, 0, 3);
  CHECK(first == std::vector<std::uint64_t>{8, 6, 5});
  CHECK(list({}, next, 3).first == std::vector<std::uint64_t>{3, 2});
  RecordFilter filter;
  filter.matches = [](const v1::Record& record) { return record.workload().name() == "batch"; };
  CHECK(list(filter, 0, 10).first == std::vector<std::uint64_t>{8});
  filter = {};
  filter.outcome = v1::OUTCOME_FAILED;
  CHECK(list(filter, 0, 10).first == std::vector<std::uint64_t>{3});
}

TEST_CASE("A session is found by the start or the end of its id or of a call's, and shown oldest first") {
  test::TemporaryDirectory directory;
  Writer writer({directory.path()});
  fill(writer);
  const FileStore& store = *writer.store;
  CHECK(store.find_session(to_string(id(1))).value() == id(1));
  CHECK(store.find_session("000006").value() == id(1));
  CHECK(store.find_session("000004").value() == id(4));
  CHECK(store.find_session("000000010000").error().code == "ambiguous");
  CHECK(store.find_session("abcdef").error().code == "not_found");
  CHECK(store.find_session("00001").error().code == "bad_id");
  CHECK(store.find_session("00000x").error().code == "bad_id");
  const auto shown = store.show(id(1)).value();
  REQUIRE(shown.size() == 3);
  CHECK(shown[0].call_id() == id_bytes(id(2)));
  CHECK(shown[2].call_id() == id_bytes(id(6)));
  CHECK(store.show(id(99)).error().code == "not_found");
  const auto pieces = store.payload(shown[0], Direction::request, FrameKind::body, 4).value();
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0].bytes == "body");
  CHECK(store.payload(shown[1], Direction::request, FrameKind::body, 4)->empty());
}

TEST_CASE("Following sees each record once, from any cursor") {
  test::TemporaryDirectory directory;
  Writer writer({directory.path()});
  const Cursor start = writer.store->newest();
  CHECK(writer.store->tail(start, 10)->records.empty());
  CHECK_FALSE(writer.store->wait_newer(start, 1));
  fill(writer);
  CHECK(writer.store->wait_newer(start, 1));
  auto page = writer.store->tail(start, 2).value();
  CHECK(page.records.size() == 2);
  page = writer.store->tail(page.next, 10).value();
  CHECK(page.records.size() == 3);
  CHECK(page.next == writer.store->newest());
}

TEST_CASE("A record that was torn anywhere is cut off; those before it stay") {
  test::TemporaryDirectory directory;
  const std::string file = directory / "records-1.log";
  std::uintmax_t before = 0;
  {
    Writer writer({directory.path()});
    writer.add(id(1), id(2));
    writer.flush();
    before = std::filesystem::file_size(file);
    writer.add(id(1), id(3));
    writer.flush();
  }
  const std::uintmax_t whole = std::filesystem::file_size(file);
  std::filesystem::copy_file(file, file + ".copy");
  for (std::uintmax_t size = before; size < whole; ++size) {
    std::filesystem::copy_file(file + ".copy", file, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(file, size);
    if (size % 2 == 0) std::filesystem::remove(directory / "records-1.index");
    Writer writer({directory.path()});
    REQUIRE(writer.store->counts().records == 1);
    REQUIRE(std::filesystem::file_size(file) == before);
    REQUIRE(writer.store->show(id(1))->size() == 1);
  }
}

TEST_CASE("After a crash of the machine only what was synced is believed") {
  test::TemporaryDirectory directory;
  {
    Writer writer({directory.path()});
    writer.add(id(1), id(2));
    writer.flush();
    REQUIRE(writer.store->sync().has_value());
    writer.add(id(1), id(3));
    writer.flush();
  }
  SECTION("the same boot keeps the page cache") {
    Writer writer({directory.path()});
    CHECK(writer.store->counts().records == 2);
  }
  SECTION("another boot") {
    StoreMark mark{};
    const Fd file(::open((directory / "synced").c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::pread(file.get(), &mark, sizeof(mark), 0) == sizeof(mark));
    mark.boot[0] = '?';
    mark.checksum = header_checksum(mark, offsetof(StoreMark, boot));
    REQUIRE(::pwrite(file.get(), &mark, sizeof(mark), 0) == sizeof(mark));
    Writer writer({directory.path()});
    CHECK(writer.store->counts().records == 1);
    CHECK(writer.store->last_position() == RecordPosition{1, 0});
  }
}

TEST_CASE("Files are private, begin anew at their size, and the oldest go over the limit") {
  test::TemporaryDirectory directory;
  FileStoreOptions options{directory.path()};
  options.records_size = 4096;
  options.limit = 20'000;
  Writer writer(options);
  for (std::uint64_t call = 1; call <= 1000; ++call) {
    writer.add(id(call * 2), id(call * 2 + 1), v1::OUTCOME_COMPLETED, "x");
    writer.flush();
  }
  const StoreCounts counts = writer.store->counts();
  CHECK(counts.records < 1000);
  CHECK(counts.records > 10);
  CHECK(counts.bytes < 40'000);
  const auto page = writer.store->list_sessions({}, 0, 2000).value();
  CHECK(page.rows.size() == counts.records);
  CHECK(page.rows.front().session == id(2000));
  CHECK(writer.store->tail(0, 2000)->records.size() == counts.records);
  CHECK(writer.store->show(id(2)).error().code == "not_found");
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    CHECK((entry.status().permissions() & std::filesystem::perms(077)) == std::filesystem::perms::none);
  }
}

TEST_CASE("Damage of a stored record is found when it is read") {
  test::TemporaryDirectory directory;
  Writer writer({directory.path()});
  fill(writer);
  const Fd file(::open((directory / "records-1.log").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::pwrite(file.get(), "?", 1, sizeof(RecordFrameHeader) + 5) == 1);
  CHECK(writer.store->show(id(1)).error().code == "record_damaged");
  CHECK(writer.store->show(id(4)).has_value());
}

}  // namespace
}  // namespace callgate::record
