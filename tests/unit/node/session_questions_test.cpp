// Questions about sessions, asked of a store in memory.
#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "control/server.hpp"
#include "memory_store.hpp"
#include "node/session_list.hpp"
#include "node/session_search.hpp"
#include "node/session_show.hpp"
#include "node/session_tail.hpp"

using namespace callgate;
using namespace callgate::node;
using node::test::KeptStream;
using node::test::MemoryStore;
using record::Direction;
using record::FrameKind;

namespace {

const Visible everything = [](const v1::Record&) { return true; };

// Call `number` of 0…: opened at number + 1, of shop or bank, with a length of its own.
v1::Record call(std::size_t number) {
  v1::Record record;
  record.set_opened_ns(number + 1);
  record.set_function("http:GET x/" + std::to_string(number));
  record.mutable_workload()->set_name(number % 10 == 0 ? "shop" : "bank");
  record.mutable_timings()->set_total_us(static_cast<std::uint32_t>((number * 7919) % 1009));
  record.set_status(200 + static_cast<std::uint32_t>(number % 3));
  return record;
}

struct Calls : MemoryStore {
  explicit Calls(std::size_t number_of) {
    for (std::size_t number = 0; number < number_of; ++number)
      add(call(number));
  }
};

std::vector<std::string> functions(const v1::ListSessionsReply& reply) {
  std::vector<std::string> result;
  for (const auto& record : reply.records())
    result.push_back(record.function());
  return result;
}

// All answers to a request, joined as clients do.
v1::ListSessionsReply all(const MemoryStore& store, v1::ListSessionsRequest request, std::uint64_t budget,
                          const Visible& visible = everything) {
  v1::ListSessionsReply joined;
  for (int answers = 0; answers < 10'000; ++answers) {
    const auto reply = list_sessions(store, request, visible, budget);
    REQUIRE(reply.has_value());
    CHECK(reply->records_size() <= 100);
    joined.MergeFrom(*reply);
    request.set_page_token(reply->next_page_token());
    if (request.page_token().empty()) return joined;
  }
  FAIL("the list has no end");
  return joined;
}

void add_payload(MemoryStore& store, std::size_t number, Direction direction, FrameKind kind,
                 const std::string& bytes, std::uint64_t time_ns = 1) {
  auto& pieces = store.pieces[{number, direction, kind}];
  const auto offset = pieces.empty() ? 0 : pieces.back().offset + pieces.back().bytes.size();
  pieces.push_back({time_ns, offset, bytes});
}

}  // namespace

TEST_CASE("a list has each record that matches once, whatever is read for one answer") {
  const Calls store(1000);
  v1::ListSessionsRequest request;
  request.mutable_filter()->set_workload("shop");
  request.set_page_size(7);
  std::vector<std::string> newest_first;
  for (std::size_t number = 1000; number-- > 0;) {
    if (number % 10 == 0) newest_first.push_back(call(number).function());
  }
  for (const std::uint64_t budget : {1, 2, 9, 10, 11, 70, 999, 1000, 1'000'000})
    CHECK(functions(all(store, request, budget)) == newest_first);
  request.set_reverse(true);
  std::reverse(newest_first.begin(), newest_first.end());
  for (const std::uint64_t budget : {1, 10, 1'000'000})
    CHECK(functions(all(store, request, budget)) == newest_first);
}

TEST_CASE("an answer reads no more than its budget") {
  const Calls store(1000);
  v1::ListSessionsRequest request;
  request.mutable_filter()->set_workload("nobody");
  request.set_page_size(5);
  const auto reply = list_sessions(store, request, everything, 50);
  REQUIRE(reply.has_value());
  CHECK(reply->records().empty());
  CHECK_FALSE(reply->next_page_token().empty());
  CHECK(store.read <= 55);
}

TEST_CASE("counts are those of the records that match") {
  const Calls store(1000);
  v1::ListSessionsRequest request;
  request.set_count(true);
  request.set_count_by(v1::SESSION_COLUMN_WORKLOAD);
  for (const std::uint64_t budget : {7, 1000, 1'000'000}) {
    std::map<std::string, std::uint64_t> counts;
    std::uint64_t whole = 0;
    auto asked = request;
    do {
      const auto reply = list_sessions(store, asked, everything, budget);
      REQUIRE(reply.has_value());
      CHECK(reply->records().empty());
      whole += reply->count();
      for (const auto& group : reply->groups())
        counts[group.value()] += group.count();
      asked.set_page_token(reply->next_page_token());
    } while (!asked.page_token().empty());
    CHECK(whole == 1000);
    CHECK(counts == std::map<std::string, std::uint64_t>{{"bank", 900}, {"shop", 100}});
  }
}

TEST_CASE("the longest calls of a stretch come in order") {
  const Calls store(500);
  v1::ListSessionsRequest request;
  request.set_order(v1::SESSION_ORDER_DURATION);
  request.set_page_size(20);
  for (const bool reverse : {false, true}) {
    request.set_reverse(reverse);
    const auto reply = list_sessions(store, request, everything);
    REQUIRE(reply.has_value());
    CHECK(reply->records_size() == 20);
    std::vector<std::uint32_t> times;
    for (std::size_t number = 0; number < 500; ++number)
      times.push_back(call(number).timings().total_us());
    std::sort(times.begin(), times.end());
    if (!reverse) std::reverse(times.begin(), times.end());
    for (int place = 0; place < 20; ++place)
      CHECK(reply->records(place).timings().total_us() == times[static_cast<std::size_t>(place)]);
  }
}

TEST_CASE("nobody is shown, or counted, what is not theirs") {
  const Calls store(100);
  const Visible own = [](const v1::Record& record) { return record.workload().name() == "shop"; };
  v1::ListSessionsRequest request;
  CHECK(all(store, request, 10, own).records_size() == 10);
  request.set_count(true);
  CHECK(list_sessions(store, request, own)->count() == 10);
  KeptStream<v1::TailItem> tailed;
  v1::TailSessionsRequest tail;
  tail.set_after("0");
  CHECK(tail_sessions(store, tail, own, tailed));
  for (const auto& item : tailed.messages)
    CHECK((!item.has_record() || item.record().workload().name() == "shop"));
  KeptStream<v1::ShowSessionPart> shown;
  const Visible none = [](const v1::Record&) { return false; };
  CHECK(show_session(store, {}, none, shown).error().code == "not_found");
}

TEST_CASE("what makes no sense is refused") {
  const Calls store(3);
  v1::ListSessionsRequest request;
  for (const auto* token : {"x", "0", "-1", "1x", "99999999999999999999999"}) {
    request.set_page_token(token);
    CHECK(list_sessions(store, request, everything).error().code == "invalid");
  }
  for (const auto* after : {"x", "1.", ".1", "1.x", "1.101", "4", "1.2.3"}) {
    INFO(after);
    v1::TailSessionsRequest tail;
    tail.set_after(after);
    KeptStream<v1::TailItem> stream;
    CHECK(tail_sessions(store, tail, everything, stream).error().code == "invalid");
  }
}

TEST_CASE("a tail that breaks after any item goes on with the next record") {
  const Calls store(250);
  for (const char* workload : {"", "shop"}) {
    v1::TailSessionsRequest request;
    request.mutable_filter()->set_workload(workload);
    request.set_after("0");
    KeptStream<v1::TailItem> whole;
    REQUIRE(tail_sessions(store, request, everything, whole));
    std::vector<std::string> expected;
    for (const auto& item : whole.messages) {
      if (item.has_record()) expected.push_back(item.record().function());
    }
    CHECK(expected.size() == (*workload == '\0' ? 250U : 25U));
    for (std::size_t most = 1; most < 12; ++most) {
      std::vector<std::string> seen;
      auto asked = request;
      for (int streams = 0; streams < 1000; ++streams) {
        KeptStream<v1::TailItem> stream(most);
        REQUIRE(tail_sessions(store, asked, everything, stream));
        for (const auto& item : stream.messages) {
          if (item.has_record()) seen.push_back(item.record().function());
          asked.set_after(item.cursor());
        }
        if (stream.messages.size() < most) break;
      }
      CHECK(seen == expected);
    }
  }
}

TEST_CASE("a tail begins with the last that match, and tells its place behind them") {
  const Calls store(250);
  v1::TailSessionsRequest request;
  request.mutable_filter()->set_workload("shop");
  request.set_last(3);
  KeptStream<v1::TailItem> stream;
  REQUIRE(tail_sessions(store, request, everything, stream));
  REQUIRE(stream.messages.size() == 4);
  CHECK(stream.messages[0].record().function() == "http:GET x/220");
  CHECK(stream.messages[2].record().function() == "http:GET x/240");
  CHECK(stream.messages[2].cursor().empty());
  CHECK(stream.messages[3].cursor() == "250");
  request.clear_last();
  KeptStream<v1::TailItem> now;
  REQUIRE(tail_sessions(store, request, everything, now));
  CHECK(now.messages.size() == 1);
}

TEST_CASE("payload that is not there is a part of the answer") {
  MemoryStore store;
  for (int number = 0; number < 5; ++number) {
    auto record = call(static_cast<std::size_t>(number));
    record.mutable_request()->set_body_sha256("digest");
    record.mutable_request()->set_captured_size(number == 4 ? 10 : 4);
    store.add(record);
  }
  store.payload_errors[0] = {"payload_expired", "gone"};
  store.payload_errors[1] = {"payload_erased", "erased"};
  store.payload_errors[2] = {"record_damaged", "payload.1 is damaged"};
  add_payload(store, 3, Direction::request, FrameKind::body, "body");
  add_payload(store, 4, Direction::request, FrameKind::body, "body");
  for (const bool in_time_order : {false, true}) {
    v1::ShowSessionRequest request;
    request.set_in_time_order(in_time_order);
    KeptStream<v1::ShowSessionPart> stream;
    REQUIRE(show_session(store, request, everything, stream));
    std::vector<v1::PayloadChunk> chunks;
    for (const auto& part : stream.messages) {
      if (part.has_payload()) chunks.push_back(part.payload());
    }
    REQUIRE(chunks.size() == 6);
    CHECK(chunks[0].state() == v1::PayloadChunk::STATE_EXPIRED);
    CHECK(chunks[1].state() == v1::PayloadChunk::STATE_ERASED);
    CHECK(chunks[2].state() == v1::PayloadChunk::STATE_DAMAGED);
    CHECK(chunks[2].problem() == "payload.1 is damaged");
    CHECK(chunks[3].state() == v1::PayloadChunk::STATE_PRESENT);
    CHECK(chunks[3].data() == "body");
    CHECK(chunks[5].state() == v1::PayloadChunk::STATE_DAMAGED);
    CHECK(chunks[5].problem() == "6 of 10 captured bytes are missing");
  }
  store.payload_errors[0] = {"io", "read: input/output error"};
  KeptStream<v1::ShowSessionPart> stream;
  CHECK(show_session(store, {}, everything, stream).error().code == "io");
}

TEST_CASE("payload comes by kind, or as it passed, in pieces of bounded size") {
  MemoryStore store;
  auto record = call(0);
  record.mutable_response()->set_truncated(true);
  record.mutable_response()->set_size(1'000'000);
  store.add(record);
  add_payload(store, 0, Direction::request, FrameKind::head, "ask", 10);
  add_payload(store, 0, Direction::request, FrameKind::body, "late", 40);
  add_payload(store, 0, Direction::response, FrameKind::body, std::string(300U << 10U, 'x'), 30);
  const auto titles = [&](bool in_time_order) {
    v1::ShowSessionRequest request;
    request.set_in_time_order(in_time_order);
    KeptStream<v1::ShowSessionPart> stream;
    REQUIRE(show_session(store, request, everything, stream));
    std::string text;
    std::uint64_t bytes = 0;
    for (const auto& part : stream.messages) {
      if (!part.has_payload()) continue;
      CHECK(part.payload().data().size() <= 256U << 10U);
      bytes += part.payload().data().size();
      text += std::to_string(part.payload().time_ns()) + "+" + std::to_string(part.payload().offset()) + " ";
      if (part.payload().truncated()) CHECK(part.payload().omitted() == 1'000'000 - (300U << 10U));
    }
    CHECK(bytes == 7 + (300U << 10U));
    return text;
  };
  CHECK(titles(false) == "10+0 40+0 30+0 30+262144 0+307200 ");
  CHECK(titles(true) == "10+0 30+0 30+262144 40+0 0+307200 ");
}

TEST_CASE("a call of a session can be shown alone") {
  MemoryStore store;
  for (std::size_t number = 0; number < 3; ++number) {
    auto record = call(number);
    record.set_call_id(std::string(15, '\0') + static_cast<char>(number));
    store.add(record);
  }
  v1::ShowSessionRequest request;
  request.set_call_id(std::string(15, '\0') + '\1');
  KeptStream<v1::ShowSessionPart> stream;
  REQUIRE(show_session(store, request, everything, stream));
  REQUIRE(stream.messages.size() == 1);
  CHECK(stream.messages[0].record().function() == "http:GET x/1");
}

TEST_CASE("text is found in both directions and all kinds, within the range of time only") {
  Calls store(30);
  add_payload(store, 3, Direction::request, FrameKind::body, "too old: needle");
  add_payload(store, 12, Direction::request, FrameKind::head, "GET /needle");
  add_payload(store, 20, Direction::response, FrameKind::body, "a nee");
  add_payload(store, 20, Direction::response, FrameKind::body, "dle and a needle");
  add_payload(store, 25, Direction::request, FrameKind::stream, "nothing");
  store.payload_errors[15] = {"payload_expired", ""};
  store.payload_errors[16] = {"payload_damaged", "bad"};
  v1::SearchSessionsRequest request;
  request.set_text("needle");
  KeptStream<v1::SearchPart> refused;
  CHECK(search_sessions(store, request, everything, refused).error().code == "invalid");
  request.mutable_filter()->set_since(11);
  request.mutable_filter()->set_until(31);
  KeptStream<v1::SearchPart> stream;
  REQUIRE(search_sessions(store, request, everything, stream));
  REQUIRE(stream.messages.size() == 4);
  CHECK(stream.messages[0].hit().function() == "http:GET x/20");
  CHECK(stream.messages[0].hit().offset() == 2);
  CHECK(stream.messages[0].hit().before() == "a ");
  CHECK(stream.messages[1].hit().offset() == 15);
  CHECK(stream.messages[2].hit().kind() == v1::PayloadChunk::KIND_HEAD);
  const auto& end = stream.messages[3].progress();
  CHECK(end.done());
  CHECK_FALSE(end.limited());
  CHECK(end.calls() == 18);
  CHECK(end.expired() == 1);
  CHECK(end.damaged() == 1);
  CHECK(end.bytes() == 39);
  request.set_limit(1);
  KeptStream<v1::SearchPart> limited;
  REQUIRE(search_sessions(store, request, everything, limited));
  REQUIRE(limited.messages.size() == 2);
  CHECK(limited.messages[1].progress().limited());
  request.set_text("(");
  request.set_regex(true);
  CHECK(search_sessions(store, request, everything, limited).error().code == "invalid");
}

TEST_CASE("a search ends when nobody waits for it") {
  Calls store(2000);
  for (std::size_t number = 0; number < 2000; ++number)
    add_payload(store, number, Direction::request, FrameKind::body, "needle");
  v1::SearchSessionsRequest request;
  request.set_text("needle");
  request.mutable_filter()->set_since(1);
  request.mutable_filter()->set_until(5000);
  KeptStream<v1::SearchPart> stream(3);
  REQUIRE(search_sessions(store, request, everything, stream));
  CHECK(stream.messages.size() == 3);
  CHECK(store.read < 200);
}
