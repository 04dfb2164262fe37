// Events that change what was said before, or tell of what could not be said.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "callgate/v1/journal.pb.h"
#include "record/record_builder.hpp"
#include "temporary.hpp"
#include "traffic.hpp"

namespace callgate::record {
namespace {

class Kept final : public RecordSink {
 public:
  void add_payload(payload::Stream& stream, const payload::Piece&, Bytes) override { ++stream.last; }
  std::uint64_t seal(payload::Stream& stream) override { return stream.last; }
  void add_record(v1::Record& record) override { records.push_back(std::move(record)); }
  std::vector<v1::Record> records;
};

struct Building {
  Building() : proxy(directory.path(), {1, 0}) {}

  RecordBuilder::Applied apply() {
    auto reader =
        RingReader::open(Fd(::open((directory / ring_name({1, 0})).c_str(), O_RDWR | O_CLOEXEC))).value();
    const Bytes events = reader.read(max_event_size).value();
    REQUIRE(reader.release().has_value());
    return builder.apply({1, 0}, events, ++batch, names, sink);
  }

  test::TemporaryDirectory directory;
  test::Proxy proxy;
  test::Names names;
  Kept sink;
  RecordBuilder builder{BuilderLimits{}};
  std::uint64_t batch = 0;
};

CallDecided decided(const Id& call, Verdict verdict) {
  CallDecided event{};
  event.call = call;
  event.verdict = verdict;
  return event;
}

TEST_CASE("A second decision takes the place of the first, with its trial") {
  Building building;
  test::Proxy& proxy = building.proxy;
  const Id session = proxy.ids.next();
  const Id call = proxy.ids.next();
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, call));
  REQUIRE(
      proxy.events.call_decided(decided(call, Verdict::deny), {"p", "", "body_too_large", "t", "r", "why"}));
  REQUIRE(proxy.events.call_decided(decided(call, Verdict::allow), {"q", "small", "allowed_by_rule"}));
  REQUIRE(proxy.close_call(call));
  CHECK_FALSE(building.apply().error);
  REQUIRE(building.sink.records.size() == 1);
  const v1::Decision& decision = building.sink.records[0].decision();
  CHECK(decision.verdict() == v1::VERDICT_ALLOW);
  CHECK(decision.enforced());
  CHECK(decision.policy() == "q");
  CHECK(decision.rule() == "small");
  CHECK(decision.reason() == "allowed_by_rule");
  CHECK_FALSE(decision.has_trial());
}

TEST_CASE("A decision of a call that is not open is an error") {
  Building building;
  REQUIRE(building.proxy.events.call_decided(decided({1, 0, 5}, Verdict::allow), {}));
  CHECK(building.apply().error->code == "unknown_call");
}

TEST_CASE("A second decision is told to the journal although the call stays open") {
  Building building;
  test::Proxy& proxy = building.proxy;
  const Id session = proxy.ids.next();
  const Id call = proxy.ids.next();
  REQUIRE(proxy.open_session(session));
  REQUIRE(proxy.open_call(session, call));
  CHECK_FALSE(building.apply().error);
  v1::JournalChanges first;
  building.builder.take_changes({1, 0}, building.sink, first);
  REQUIRE(proxy.events.call_decided(decided(call, Verdict::deny), {"q", "small", "why"}));
  CHECK_FALSE(building.apply().error);
  v1::JournalChanges second;
  building.builder.take_changes({1, 0}, building.sink, second);
  REQUIRE(second.calls_size() == 1);
  CHECK(second.calls(0).record().decision().policy() == "q");
  v1::JournalChanges third;
  building.builder.take_changes({1, 0}, building.sink, third);
  CHECK(third.calls_size() == 0);
}

}  // namespace
}  // namespace callgate::record
