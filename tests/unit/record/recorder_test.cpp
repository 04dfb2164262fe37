#include "record/recorder.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <openssl/sha.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "record/record_fields.hpp"
#include "record/ring_layout.hpp"
#include "temporary.hpp"
#include "traffic.hpp"

namespace callgate::record {
namespace {

using test::Names;
using test::Proxy;

struct Bench {
  Bench() { std::filesystem::create_directory(directory / "rings"); }

  RecorderOptions options() {
    RecorderOptions options;
    options.use_state_directory(directory / "state");
    options.pipeline.log.log.name = "test.example/log";
    options.pipeline.log.log.key_file = directory / "log.key";
    options.pipeline.payload.keys.file = directory / "payload.keys";
    options.pipeline.log.checkpoint_interval = std::chrono::milliseconds(50);
    options.pipeline.log.retry_interval = std::chrono::milliseconds(20);
    options.ring_directory = rings();
    options.retry_interval = std::chrono::milliseconds(20);
    options.on_ring_ended = [this](RingOwner owner, const std::optional<Error>& error) {
      const std::lock_guard lock(mutex);
      ended.emplace_back(owner, error ? error->code : "");
      changed.notify_all();
    };
    return options;
  }
  std::unique_ptr<Recorder> start() { return Recorder::start(options(), names).value(); }
  std::string rings() const { return directory / "rings"; }

  void wait_ended(std::size_t count) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return ended.size() >= count; }));
  }

  test::TemporaryDirectory directory;
  Names names;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<RingOwner, std::string>> ended;
};

// Waits for `count` records in all and returns them, oldest first.
std::vector<v1::Record> wait_records(const StoreQueries& queries, std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  TailPage page = queries.tail(0, 1'000'000).value();
  while (page.records.size() < count && std::chrono::steady_clock::now() < deadline) {
    (void)queries.wait_newer(page.next, 1000);
    TailPage more = queries.tail(page.next, 1'000'000).value();
    for (auto& record : more.records)
      page.records.push_back(std::move(record));
    page.next = more.next;
  }
  REQUIRE(page.records.size() >= count);
  return page.records;
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

std::string text_of(const StoreQueries& queries, const v1::Record& record, payload::Direction direction,
                    payload::Kind kind) {
  std::string text;
  payload::Query query;
  query.direction = direction;
  query.kind = kind;
  const auto read = queries.payload(record, query, [&](const payload::PieceView& piece) {
    CHECK(piece.piece.offset == text.size());
    text += as_text(piece.bytes);
    return true;
  });
  REQUIRE(read.has_value());
  return text;
}

std::string sha256(const std::string& bytes) {
  std::string digest(32, '\0');
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

TEST_CASE("What a writer waits for is synced at once, and nothing else is") {
  Bench bench;
  RecorderOptions options = bench.options();
  options.pipeline.log.checkpoint_interval = std::chrono::hours(1);
  options.pipeline.log.sync_interval = std::chrono::milliseconds(0);  // never for itself
  auto recorder = Recorder::start(std::move(options), bench.names).value();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  REQUIRE(proxy.whole_call("one", "1"));
  wait_records(recorder->queries(), 1);
  CHECK(proxy.writer->synced_position() == 0);
  proxy.writer->want_sync();
  REQUIRE(eventually([&] { return proxy.writer->synced_position() == proxy.writer->written_position(); }));
  const std::uint64_t before = proxy.writer->synced_position();
  REQUIRE(proxy.whole_call("two", "2"));
  wait_records(recorder->queries(), 2);
  CHECK(proxy.writer->synced_position() == before);
  proxy.writer->want_sync();
  CHECK(eventually([&] { return proxy.writer->synced_position() == proxy.writer->written_position(); }));
}

// The records of something else than calls.
std::vector<v1::Record> events_of(Recorder& recorder) {
  std::vector<v1::Record> events;
  const auto visited = recorder.log().log().visit(0, [&](tlog::Position, Bytes entry) {
    v1::Record record;
    REQUIRE(record.ParseFromArray(entry.data(), static_cast<int>(entry.size())));
    if (record.kind() == v1::Record::KIND_EVENT) events.push_back(std::move(record));
    return true;
  });
  REQUIRE(visited.has_value());
  return events;
}

TEST_CASE("A gap is a record of its own, and does not end the ring") {
  Bench bench;
  auto recorder = bench.start();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  Gap gap{};
  gap.lost_calls = 3;
  gap.lost_events = 4;
  gap.lost_bytes = 5;
  gap.since_ns = 1000;
  gap.header.time_ns = 2000;
  gap.workload = 7;
  REQUIRE(proxy.events.gap(gap));
  REQUIRE(proxy.whole_call("after", "it"));
  wait_records(recorder->queries(), 1);
  CHECK(recorder->status().rings_corrupt == 0);
  const auto events = events_of(*recorder);
  REQUIRE(events.size() == 1);
  CHECK(events[0].event().type() == v1::Event::TYPE_GAP);
  CHECK(events[0].event().lost_calls() == 3);
  CHECK(events[0].event().lost_bytes() == 5);
  CHECK(events[0].event().since_ns() == 1000);
  CHECK(events[0].event().until_ns() == 2000);
  CHECK(events[0].workload().name() == "workload-7");
}

TEST_CASE("What is no call is recorded on demand, also over a restart") {
  Bench bench;
  auto recorder = bench.start();
  v1::Record record;
  record.mutable_event()->set_type(v1::Event::TYPE_HOLD);
  record.mutable_event()->set_name("case-1");
  REQUIRE(recorder->record_event(record).has_value());
  recorder->stop();
  CHECK(recorder->record_event(record).error().code == "stopped");
  recorder.reset();
  recorder = bench.start();
  const auto events = events_of(*recorder);
  REQUIRE(events.size() == 1);
  CHECK(events[0].event().name() == "case-1");
}

TEST_CASE("Whoever asks for a record while the recorder stops gets an answer") {
  Bench bench;
  for (int round = 0; round < 5; ++round) {
    auto recorder = bench.start();
    std::atomic<int> answered = 0;
    std::vector<std::thread> asking;
    for (int at = 0; at < 4; ++at) {
      asking.emplace_back([&] {
        v1::Record record;
        record.mutable_event()->set_type(v1::Event::TYPE_PAYLOAD_READ);
        while (recorder->record_event(record)) {
        }
        ++answered;
      });
    }
    REQUIRE(eventually([&] { return recorder->log().entries() > 10; }));
    recorder->stop();
    for (auto& thread : asking)
      thread.join();
    CHECK(answered == 4);
  }
}

TEST_CASE("A call becomes one record with its payload, its salted digests and the names of its caller") {
  Bench bench;
  auto recorder = bench.start();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  Id call;
  REQUIRE(proxy.whole_call("the request", "the response", &call));
  const auto records = wait_records(recorder->queries(), 1);
  const v1::Record& record = records[0];
  CHECK(record.kind() == v1::Record::KIND_CALL);
  CHECK(record.call_id() == id_bytes(call));
  CHECK(record.workload().name() == "workload-7");
  CHECK(record.workload().spiffe_id() == "spiffe://test/7");
  CHECK(record.process().exe_path() == "/usr/bin/process-42");
  CHECK(record.function() == "http:GET api/2");
  CHECK(record.outcome() == v1::OUTCOME_COMPLETED);
  CHECK(record.status() == 200);
  CHECK(record.decision().rule() == "rule");
  const StoreQueries& queries = recorder->queries();
  CHECK(text_of(queries, record, payload::Direction::request, payload::Kind::head) ==
        "GET / HTTP/1.1\r\n\r\n");
  CHECK(text_of(queries, record, payload::Direction::request, payload::Kind::body) == "the request");
  CHECK(text_of(queries, record, payload::Direction::response, payload::Kind::body) == "the response");
  const std::string salts = text_of(queries, record, payload::Direction::request, payload::Kind::salts);
  REQUIRE(salts.size() == 32);
  CHECK(record.request().body_sha256() == sha256(salts.substr(0, 16) + "the request"));
  CHECK(record.request().head_sha256() == sha256(salts.substr(0, 16) + "GET / HTTP/1.1\r\n\r\n"));
  CHECK(record.response().body_sha256() == sha256(salts.substr(16) + "the response"));
  CHECK(record.response().head_sha256().empty());
  CHECK_FALSE(record.response().truncated());
}

TEST_CASE("Payload over a call's limit is hashed and counted, and marked as cut") {
  Bench bench;
  auto recorder = bench.start();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  const Id session = proxy.ids.next();
  const Id call = proxy.ids.next();
  const std::string body(100'000, 'b');
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, call, 1000));
  REQUIRE(proxy.payload(call, Direction::request, PayloadKind::head, std::string(400, 'h')));
  REQUIRE(proxy.payload(call, Direction::request, PayloadKind::body, body));
  REQUIRE(proxy.close_call(call));
  const auto record = wait_records(recorder->queries(), 1)[0];
  CHECK(record.request().truncated());
  CHECK(record.request().captured_size() == 1000);
  CHECK(record.request().hashed_size() == body.size());
  CHECK(text_of(recorder->queries(), record, payload::Direction::request, payload::Kind::body) ==
        body.substr(0, 600));
  const std::string salts =
      text_of(recorder->queries(), record, payload::Direction::request, payload::Kind::salts);
  CHECK(record.request().body_sha256() == sha256(salts.substr(0, 16) + body));
}

TEST_CASE("A refused flow without a call has a record; one that came to nothing quietly has none") {
  Bench bench;
  auto recorder = bench.start();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  const Id quiet = proxy.ids.next();
  const Id refused = proxy.ids.next();
  REQUIRE(proxy.open_session(quiet, 0));
  REQUIRE(proxy.close_session(quiet));
  REQUIRE(proxy.open_session(refused, 0));
  REQUIRE(proxy.close_session(refused, Outcome::refused, "not_http"));
  REQUIRE(proxy.whole_call("a", "b"));
  const auto records = wait_records(recorder->queries(), 2);
  CHECK(records.size() == 2);
  CHECK(records[0].kind() == v1::Record::KIND_FLOW);
  CHECK(records[0].session_id() == id_bytes(refused));
  CHECK(records[0].error_code() == "not_http");
  CHECK(records[0].outcome() == v1::OUTCOME_REFUSED);
  CHECK(records[0].workload().name().empty());
  CHECK(records[1].workload().name() == "workload-7");
}

TEST_CASE("Nonsense ends a ring, keeps what was valid, and tells the agent why") {
  struct Case {
    const char* code;
    void (*write)(Proxy& proxy, Id session, Id call);
  };
  const Case nonsense = GENERATE(values<Case>({
      {"unknown_session",
       [](Proxy& p, Id, Id) {
         (void)p.open_call({1, 0, 999}, p.ids.next());
       }},
      {"foreign_id",
       [](Proxy& p, Id, Id) {
         (void)p.open_session({9, 9, 9});
       }},
      {"duplicate_id", [](Proxy& p, Id session, Id) { (void)p.open_session(session); }},
      {"duplicate_id", [](Proxy& p, Id session, Id call) { (void)p.open_call(session, call); }},
      {"duplicate_id", [](Proxy& p, Id session, Id) { (void)p.open_call(session, session); }},
      {"unknown_call",
       [](Proxy& p, Id, Id call) {
         (void)p.close_call(call);
         (void)p.payload(call, Direction::request, PayloadKind::body, "late");
       }},
      {"unknown_call", [](Proxy& p, Id, Id) { (void)p.close_call(p.ids.next()); }},
      {"too_many_open",
       [](Proxy& p, Id session, Id) {
         for (int i = 0; i < 4; ++i)
           (void)p.open_call(session, p.ids.next());
       }},
      {"ring_corrupt",
       [](Proxy& p, Id, Id) {
         const RingPosition position{12345, ~std::uint64_t{12345}};
         (void)!::pwrite(p.file.get(), &position, sizeof(position), offsetof(RingHeader, written));
       }},
      {"ring_corrupt", [](Proxy& p, Id, Id) { (void)!::ftruncate(p.file.get(), 16); }},
  }));
  INFO(nonsense.code);
  Bench bench;
  auto options = bench.options();
  options.pipeline.limits.open_calls = 3;
  auto recorder = Recorder::start(options, bench.names).value();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  REQUIRE(proxy.whole_call("before", "nonsense"));
  const Id session = proxy.ids.next();
  const Id call = proxy.ids.next();
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, call));
  REQUIRE(eventually([&] { return recorder->status().open_calls == 1 && recorder->status().records == 1; }));
  nonsense.write(proxy, session, call);
  bench.wait_ended(1);
  CHECK(bench.ended[0].second == nonsense.code);
  const auto records = wait_records(recorder->queries(), 2);
  CHECK(records[0].outcome() == v1::OUTCOME_COMPLETED);
  CHECK(records[1].session_id() == id_bytes(session));
  if (records[1].outcome() == v1::OUTCOME_INTERRUPTED) CHECK(records[1].error_code() == nonsense.code);
  CHECK_FALSE(std::filesystem::exists(bench.rings() + "/ring-1-0"));
}

TEST_CASE("Calls whose end was lost are interrupted when their session ends, and the ring goes on") {
  Bench bench;
  auto recorder = Recorder::start(bench.options(), bench.names).value();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  const Id session = proxy.ids.next();
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, proxy.ids.next()));
  REQUIRE(proxy.open_call(session, proxy.ids.next()));
  REQUIRE(proxy.close_session(session));
  REQUIRE(proxy.whole_call("after", "goes on"));
  const auto records = wait_records(recorder->queries(), 3);
  CHECK(records[0].outcome() == v1::OUTCOME_INTERRUPTED);
  CHECK(records[0].error_code() == "end_lost");
  CHECK(records[1].outcome() == v1::OUTCOME_INTERRUPTED);
  CHECK(records[2].outcome() == v1::OUTCOME_COMPLETED);
  CHECK(bench.ended.empty());
  CHECK(eventually([&] { return recorder->status().open_calls == 0; }));
}

TEST_CASE("A record names the requirement that the policy made") {
  const auto [value, name] = GENERATE(values<std::pair<int, v1::TlsRequirement>>({
      {0, v1::TLS_REQUIREMENT_PLAINTEXT},
      {1, v1::TLS_REQUIREMENT_UNVERIFIED},
      {2, v1::TLS_REQUIREMENT_VERIFIED},
      {3, v1::TLS_REQUIREMENT_MUTUAL},
      {255, v1::TLS_REQUIREMENT_UNTOUCHED},
  }));
  CallOpenedView view;
  view.event.upstream_tls = static_cast<std::uint8_t>(value);
  v1::Record record;
  set_call(view, record);
  CHECK(record.upstream().required() == name);
}

TEST_CASE("A proxy that ends leaves its open calls as interrupted, once") {
  Bench bench;
  auto recorder = bench.start();
  {
    Proxy proxy(bench.rings(), {1, 0});
    REQUIRE(recorder->add_ring({1, 0}).has_value());
    CHECK(recorder->add_ring({1, 0}).error().code == "exists");
    const Id session = proxy.ids.next();
    const Id call = proxy.ids.next();
    REQUIRE(proxy.open_session(session));
    REQUIRE(proxy.open_call(session, call));
    REQUIRE(proxy.payload(call, Direction::request, PayloadKind::body, "half"));
    const Id idle = proxy.ids.next();
    REQUIRE(proxy.open_session(idle));
  }
  recorder->ring_closed({1, 0});
  bench.wait_ended(1);
  CHECK(bench.ended[0].second.empty());
  const auto records = wait_records(recorder->queries(), 2);
  CHECK(records[0].outcome() == v1::OUTCOME_INTERRUPTED);
  CHECK(records[0].request().size() == 4);
  CHECK(records[1].kind() == v1::Record::KIND_FLOW);
  CHECK(records[1].outcome() == v1::OUTCOME_INTERRUPTED);
  recorder.reset();
  recorder = bench.start();
  CHECK(recorder->status().records == 2);
}

TEST_CASE("A stopped recorder goes on where it was, with what was open") {
  Bench bench;
  auto recorder = bench.start();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  const Id session = proxy.ids.next();
  const Id call = proxy.ids.next();
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, call));
  REQUIRE(proxy.payload(call, Direction::request, PayloadKind::body, "one "));
  recorder->stop();
  CHECK(recorder->add_ring({2, 0}).has_error());
  recorder.reset();
  const int asked = bench.names.asked;
  REQUIRE(proxy.payload(call, Direction::request, PayloadKind::body, "two"));
  recorder = bench.start();
  REQUIRE(proxy.close_call(call));
  REQUIRE(proxy.close_session(session));
  const auto record = wait_records(recorder->queries(), 1)[0];
  CHECK(record.outcome() == v1::OUTCOME_COMPLETED);
  CHECK(record.workload().name() == "workload-7");
  CHECK(bench.names.asked == asked);
  CHECK(text_of(recorder->queries(), record, payload::Direction::request, payload::Kind::body) == "one two");
  const std::string salts =
      text_of(recorder->queries(), record, payload::Direction::request, payload::Kind::salts);
  CHECK(record.request().body_sha256() == sha256(salts.substr(0, 16) + "one two"));
}

TEST_CASE("Journal segments go when what they hold is recorded, while long calls stay open") {
  Bench bench;
  auto options = bench.options();
  options.pipeline.journal.segment_size = 64U << 10U;
  auto recorder = Recorder::start(options, bench.names).value();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  const Id session = proxy.ids.next();
  const Id call = proxy.ids.next();
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, call));
  const std::string body(4000, 'x');
  for (int number = 0; number < 500; ++number) {
    REQUIRE(eventually([&] { return proxy.whole_call(body, body); }));
  }
  REQUIRE(proxy.close_call(call));
  const auto records = wait_records(recorder->queries(), 501);
  CHECK(records.size() == 501);
  CHECK(records.back().call_id() == id_bytes(call));
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(bench.directory / "state/journal"))
    bytes += entry.file_size();
  CHECK(bytes < 3U << 20U);
}

// Kills a recorder at a random moment, in a process of its own, while a writer goes on.
TEST_CASE(
    "However a recorder is killed, every closed call has its record once, and open ones end interrupted") {
  Bench bench;
  std::set<std::string> closed;
  std::uint32_t generation = 1;
  unsigned seed = 12345;
  for (int round = 0; round < 12; ++round, ++generation) {
    // The ring is made before the recorder, which finds it: a living ring of somebody else.
    Proxy proxy(bench.rings(), {generation, 0}, 256U << 10U);
    const pid_t child = ::fork();
    if (child == 0) {
      RecorderOptions options = bench.options();
      options.pipeline.journal.segment_size = 256U << 10U;
      options.poll = std::chrono::milliseconds(0);
      const auto recorder = Recorder::start(options, bench.names);
      if (!recorder) std::_Exit(1);
      for (;;)
        ::pause();
    }
    {
      seed = seed * 1103515245U + 12345U;
      const auto end =
          std::chrono::steady_clock::now() + std::chrono::microseconds(2000 + (seed >> 8U) % 60'000);
      const Id session = proxy.ids.next();
      const Id open = proxy.ids.next();
      REQUIRE(proxy.open_session(session));
      REQUIRE(proxy.open_call(session, open));
      while (std::chrono::steady_clock::now() < end) {
        Id call;
        const std::string body(seed % 3000, 'k');
        if (proxy.whole_call(body, body, &call)) {
          closed.insert(id_bytes(call));
        } else {
          std::this_thread::yield();
        }
      }
      ::kill(child, SIGKILL);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFSIGNALED(status));
    }
  }
  auto recorder = bench.start();
  const auto records = wait_records(recorder->queries(), closed.size() + generation - 1);
  std::set<std::string> seen;
  std::size_t interrupted = 0;
  for (const v1::Record& record : records) {
    INFO(to_string(id_from_bytes(record.call_id()))
         << " " << record.outcome() << " " << record.closed_ns() << " " << record.error_code());
    CHECK(seen.insert(record.call_id()).second);
    if (record.outcome() == v1::OUTCOME_INTERRUPTED) {
      ++interrupted;
    } else {
      CHECK(closed.count(record.call_id()) == 1);
      const auto body =
          text_of(recorder->queries(), record, payload::Direction::request, payload::Kind::body);
      const auto salts =
          text_of(recorder->queries(), record, payload::Direction::request, payload::Kind::salts);
      if (!body.empty()) CHECK(record.request().body_sha256() == sha256(salts.substr(0, 16) + body));
    }
  }
  CHECK(interrupted == generation - 1);
  CHECK(seen.size() == closed.size() + interrupted);
}

TEST_CASE("A full disk stops recording with a reason; with space again nothing is lost or doubled") {
  Bench bench;
  const std::string state = bench.directory / "state";
  std::filesystem::create_directory(state);
  if (::mount("tmpfs", state.c_str(), "tmpfs", 0, "size=1m") != 0) {
    WARN("skipped: mounting a small tmpfs needs root");
    return;
  }
  {
    auto recorder = bench.start();
    Proxy proxy(bench.rings(), {1, 0});
    REQUIRE(recorder->add_ring({1, 0}).has_value());
    const std::string body(3000, 'd');
    std::size_t calls = 0;
    REQUIRE(eventually([&] {
      if (proxy.whole_call(body, body)) ++calls;
      return recorder->status().failure.has_value();
    }));
    CHECK(recorder->status().failure->code == "disk_full");
    while (proxy.whole_call(body, body))
      ++calls;
    CHECK_FALSE(proxy.events.has_room(2 * body.size() + 4096));
    const std::size_t before = recorder->log().entries();
    CHECK(before < calls);
    REQUIRE(::mount("tmpfs", state.c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0);
    const auto records = wait_records(recorder->queries(), calls);
    CHECK(records.size() == calls);
    std::set<std::string> seen;
    for (const v1::Record& record : records)
      CHECK(seen.insert(record.call_id()).second);
    REQUIRE(eventually([&] { return !recorder->status().failure.has_value(); }));
  }
  CHECK(::umount(state.c_str()) == 0);
}

TEST_CASE("Readers run beside the recorder") {
  Bench bench;
  auto recorder = bench.start();
  Proxy proxy(bench.rings(), {1, 0});
  REQUIRE(recorder->add_ring({1, 0}).has_value());
  std::atomic<bool> stop = false;
  std::atomic<bool> right = true;
  std::vector<std::thread> readers;
  for (int at = 0; at < 2; ++at) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto page = recorder->queries().list({}, index::Sort::newest, {}, 5);
        if (!page) right = false;
        for (const auto& record : page->records) {
          const auto shown = recorder->queries().show(id_from_bytes(record.session_id()));
          if (!shown || shown->empty()) right = false;
          std::size_t bytes = 0;
          const auto read =
              recorder->queries().payload(shown->front(), {}, [&](const payload::PieceView& piece) {
                bytes += piece.bytes.size();
                return true;
              });
          if (!read || bytes == 0) right = false;
        }
        (void)recorder->status();
      }
    });
  }
  for (int calls = 0; calls < 2000; ++calls)
    REQUIRE(eventually([&] { return proxy.whole_call("q", "a"); }));
  CHECK(wait_records(recorder->queries(), 2000).size() == 2000);
  stop = true;
  for (auto& reader : readers)
    reader.join();
  CHECK(right);
}

}  // namespace
}  // namespace callgate::record
