#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>

#include "record/event_parse.hpp"
#include "record/event_writer.hpp"
#include "temporary.hpp"

namespace callgate::record {
namespace {

struct Loop {
  explicit Loop(std::size_t capacity = 64U << 10U) {
    file = create_ring(directory / "ring", capacity, {1, 2}).value();
    writer = std::make_unique<RingWriter>(RingWriter::map(file.get()).value());
    events = std::make_unique<EventWriter>(*writer);
    reader = std::make_unique<RingReader>(
        RingReader::open(Fd(::open((directory / "ring").c_str(), O_RDWR | O_CLOEXEC))).value());
  }
  std::vector<std::uint8_t> take() {
    const Bytes bytes = reader->read(max_event_size).value();
    REQUIRE(reader->release().has_value());
    return {bytes.begin(), bytes.end()};
  }

  test::TemporaryDirectory directory;
  Fd file;
  std::unique_ptr<RingWriter> writer;
  std::unique_ptr<EventWriter> events;
  std::unique_ptr<RingReader> reader;
};

const Id call{1, 2, 4};

TEST_CASE("Every event comes out as it went in") {
  Loop loop;
  SECTION("session_opened") {
    SessionOpened event{};
    event.header.time_ns = 5;
    event.session = call;
    event.tgid = 77;
    event.destination_port = 443;
    REQUIRE(loop.events->session_opened(event));
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    const auto& got = std::get<SessionOpened>(parsed);
    CHECK(got.session == call);
    CHECK(got.tgid == 77);
    CHECK(got.destination_port == 443);
    CHECK(got.header.time_ns == 5);
  }
  SECTION("call_opened") {
    CallOpened event{};
    event.call = call;
    event.verdict = Verdict::deny;
    event.durability = CallDurability::synced;
    event.retain_seconds = 90 * 86'400;
    REQUIRE(loop.events->call_opened(event, {"http:GET a/b", "a", "", "rule", "because"}));
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    const auto& got = std::get<CallOpenedView>(parsed);
    CHECK(got.event.verdict == Verdict::deny);
    CHECK(got.event.durability == CallDurability::synced);
    CHECK(got.event.retain_seconds == 90 * 86'400);
    CHECK(got.text.function == "http:GET a/b");
    CHECK(got.text.host == "a");
    CHECK(got.text.policy.empty());
    CHECK(got.text.rule == "rule");
    CHECK(got.text.reason == "because");
  }
  SECTION("call_upstream") {
    CallUpstream event{};
    event.tls = 1;
    const std::vector<std::uint8_t> digest(32, 9);
    REQUIRE(loop.events->call_upstream(event, {"TLSv1.3", "AES", "CN=x", "spiffe://a/b", digest, "h2"}));
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    const auto& got = std::get<CallUpstreamView>(parsed);
    CHECK(got.text.tls_version == "TLSv1.3");
    CHECK(got.text.cipher == "AES");
    CHECK(got.text.subject == "CN=x");
    CHECK(got.text.spiffe_id == "spiffe://a/b");
    CHECK(got.text.application_protocol == "h2");
    CHECK(std::vector<std::uint8_t>(got.text.digest.begin(), got.text.digest.end()) == digest);
  }
  SECTION("call_client") {
    CallClient event{};
    event.encrypted_hello = 1;
    REQUIRE(loop.events->call_client(event, {"api.test", "TLSv1.3,TLSv1.2", "h2"}));
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    const auto& got = std::get<CallClientView>(parsed);
    CHECK(got.event.encrypted_hello == 1);
    CHECK(got.text.server_name == "api.test");
    CHECK(got.text.versions == "TLSv1.3,TLSv1.2");
    CHECK(got.text.protocols == "h2");
  }
  SECTION("call_decided") {
    CallDecided event{};
    event.call = call;
    event.verdict = Verdict::deny;
    REQUIRE(loop.events->call_decided(event, {"policy", "rule", "reason", "other", "", "why"}));
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    const auto& got = std::get<CallDecidedView>(parsed);
    CHECK(got.event.call == call);
    CHECK(got.event.verdict == Verdict::deny);
    CHECK(got.text.policy == "policy");
    CHECK(got.text.rule == "rule");
    CHECK(got.text.reason == "reason");
    CHECK(got.text.trial_policy == "other");
    CHECK(got.text.trial_rule.empty());
    CHECK(got.text.trial_reason == "why");
  }
  SECTION("gap") {
    Gap event{};
    event.header.time_ns = 9;
    event.workload = 7;
    event.since_ns = 5;
    event.lost_calls = 1;
    event.lost_events = 3;
    event.lost_bytes = 1U << 20U;
    REQUIRE(loop.events->gap(event));
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    const auto& got = std::get<Gap>(parsed);
    CHECK(got.header.time_ns == 9);
    CHECK(got.workload == 7);
    CHECK(got.since_ns == 5);
    CHECK(got.lost_calls == 1);
    CHECK(got.lost_events == 3);
    CHECK(got.lost_bytes == 1U << 20U);
  }
  SECTION("closing") {
    CallClosed closed{};
    closed.status = 404;
    REQUIRE(loop.events->call_closed(closed, {"code", "detail"}));
    SessionClosed session{};
    session.calls = 3;
    REQUIRE(loop.events->session_closed(session, {}));
    const auto bytes = loop.take();
    const std::size_t first = event_size(bytes);
    const auto one = parse_event(Bytes(bytes).first(first)).value();
    CHECK(std::get<CallClosedView>(one).event.status == 404);
    CHECK(std::get<CallClosedView>(one).error.code == "code");
    CHECK(std::get<CallClosedView>(one).error.detail == "detail");
    const auto two = parse_event(Bytes(bytes).subspan(first)).value();
    CHECK(std::get<SessionClosedView>(two).event.calls == 3);
  }
}

TEST_CASE("Payload of every size around the alignment comes out whole") {
  Loop loop;
  for (std::size_t size = 1; size < 40; ++size) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    REQUIRE(loop.events->payload(Payload{}, as_bytes(text)) == size);
    const auto bytes = loop.take();
    const auto parsed = parse_event(bytes).value();
    CHECK(as_text(std::get<PayloadView>(parsed).bytes) == text);
  }
}

TEST_CASE("Payload that was received where it is recorded is not copied, and never mixed up") {
  Loop loop;
  const auto received = [&loop](std::size_t size, char mark) {
    const auto place = loop.events->lend(size);
    std::fill(place.begin(), place.end(), static_cast<std::uint8_t>(mark));
    return place;
  };
  SECTION("less came than there was room for") {
    for (const std::size_t size : {std::size_t{8000}, std::size_t{7999}, std::size_t{1}}) {
      const auto place = received(8000, 'a');
      REQUIRE(place.size() == 8000);
      CHECK(loop.events->payload(Payload{}, place.first(size)) == size);
      // The next event begins right behind it.
      CHECK(loop.events->payload(Payload{}, as_bytes("next")) == 4);
      const auto bytes = loop.take();
      const std::size_t first = event_size(bytes);
      CHECK(first < sizeof(Payload) + size + 8);
      const auto one = parse_event(Bytes(bytes).first(first)).value();
      CHECK(as_text(std::get<PayloadView>(one).bytes) == std::string(size, 'a'));
      const auto two = parse_event(Bytes(bytes).subspan(first)).value();
      CHECK(as_text(std::get<PayloadView>(two).bytes) == "next");
    }
  }
  SECTION("nothing came, and something else was recorded") {
    REQUIRE(received(8000, 'a').size() == 8000);
    CHECK(loop.events->payload(Payload{}, as_bytes("other")) == 5);
    const auto parsed_bytes = loop.take();
    CHECK(as_text(std::get<PayloadView>(parse_event(parsed_bytes).value()).bytes) == "other");
  }
  SECTION("another event took the space: what was in it must not pass for what came") {
    const auto place = received(8000, 'a');
    REQUIRE(loop.events->call_closed(CallClosed{}, {}));
    CHECK(loop.events->payload(Payload{}, place) == 0);
    const auto bytes = loop.take();
    CHECK(bytes.size() == event_size(bytes));
  }
  SECTION("only its first bytes can be recorded in place") {
    const auto place = received(8000, 'a');
    CHECK(loop.events->payload(Payload{}, place.subspan(1)) == 0);
    CHECK(loop.take().empty());
  }
  SECTION("not for a little, and not where the ring is too full") {
    CHECK(loop.events->lend(100).empty());
    CHECK(loop.events->lend(1U << 20U).empty());
    CHECK(loop.events->payload(Payload{}, std::vector<std::uint8_t>(32U << 10U)) == 32U << 10U);
    CHECK(loop.events->lend(20'000).empty());
    CHECK_FALSE(loop.events->lend(5'000).empty());
  }
}

TEST_CASE("Texts over their limit are cut at a character and marked") {
  Loop loop;
  std::string host(host_limit - 1, 'h');
  host += "\xc3\xa9";
  REQUIRE(loop.events->call_opened(CallOpened{}, {"f", host, "p", "r", "why"}));
  const auto bytes = loop.take();
  const auto parsed = parse_event(bytes).value();
  const auto& got = std::get<CallOpenedView>(parsed);
  CHECK(got.text.host == std::string(host_limit - 1, 'h'));
  CHECK((got.event.header.flags & text_truncated) != 0);
  CHECK(got.text.reason == "why");
}

TEST_CASE("A filling ring first refuses payload and calls, and still takes what closes them") {
  Loop loop;
  const std::vector<std::uint8_t> body(256U << 10U);
  const std::size_t taken = loop.events->payload(Payload{}, body);
  CHECK(taken > 40'000);
  CHECK(taken < 64U << 10U);
  CHECK_FALSE(loop.events->has_room());
  CHECK_FALSE(loop.events->call_opened(CallOpened{}, {}));
  CHECK_FALSE(loop.events->session_opened(SessionOpened{}));
  CHECK(loop.events->call_closed(CallClosed{}, {}));
  CHECK(loop.events->session_closed(SessionClosed{}, {}));
  std::size_t found = 0;
  const auto bytes = loop.take();
  for (Bytes rest = bytes; !rest.empty(); rest = rest.subspan(event_size(rest))) {
    const auto parsed = parse_event(rest.first(event_size(rest))).value();
    if (const auto* payload = std::get_if<PayloadView>(&parsed)) found += payload->bytes.size();
  }
  CHECK(found == taken);
  CHECK(loop.events->has_room());
}

TEST_CASE("What there is room for fits, wherever the end of the ring lies") {
  Loop loop(1U << 20U);
  const std::vector<std::uint8_t> body(64U << 10U);
  std::size_t fitted = 0;
  for (std::size_t turn = 0; turn < 3000; ++turn) {
    // Whole pieces begin at the start of the ring again and again: this one moves them on.
    REQUIRE(loop.events->payload(Payload{}, Bytes(body).first(turn * 7919 % body.size() + 1)) != 0);
    if (turn % 16 == 0) {
      for (; loop.events->has_room(body.size()); ++fitted) {
        REQUIRE(loop.events->payload(Payload{}, body) == body.size());
      }
    }
    while (!loop.take().empty()) {
    }
  }
  CHECK(fitted > 1000);
}

template <typename Event>
std::vector<std::uint8_t> raw(EventType type, Event event, std::size_t extra = 0) {
  std::vector<std::uint8_t> bytes(sizeof(Event) + extra);
  event.header = {static_cast<std::uint32_t>(bytes.size()), type, 0, 0};
  std::memcpy(bytes.data(), &event, sizeof(event));
  return bytes;
}

TEST_CASE("Hostile events are refused with the reason") {
  const auto code = [](const std::vector<std::uint8_t>& bytes) {
    const auto parsed = parse_event(bytes);
    return parsed ? std::string("valid") : parsed.error().code;
  };
  CHECK(code(raw(EventType::call_opened, CallOpened{})) == "valid");
  CHECK(code(raw(EventType{10}, CallOpened{})) == "event_unknown");
  CHECK(code(raw(EventType::padding, CallOpened{})) == "event_unknown");
  CHECK(code(raw(EventType::session_opened, CallClosed{})) == "event_size");
  CHECK(code(raw(EventType::call_opened, CallOpened{}, 8)) == "event_size");
  CallOpened opened{};
  opened.function_size = 9;
  CHECK(code(raw(EventType::call_opened, opened, 8)) == "event_size");
  opened.function_size = 8;
  CHECK(code(raw(EventType::call_opened, opened, 8)) == "valid");
  opened.function_size = function_limit + 8;
  CHECK(code(raw(EventType::call_opened, opened, function_limit + 8)) == "event_text");
  opened = {};
  opened.verdict = Verdict{2};
  CHECK(code(raw(EventType::call_opened, opened)) == "event_value");
  opened = {};
  opened.upstream_tls = 4;
  CHECK(code(raw(EventType::call_opened, opened)) == "event_value");
  opened = {};
  opened.durability = CallDurability{3};
  CHECK(code(raw(EventType::call_opened, opened)) == "event_value");
  CallDecided decided{};
  CHECK(code(raw(EventType::call_decided, decided)) == "valid");
  decided.verdict = Verdict{2};
  CHECK(code(raw(EventType::call_decided, decided)) == "event_value");
  decided = {};
  decided.reason_size = reason_limit + 8;
  CHECK(code(raw(EventType::call_decided, decided, reason_limit + 8)) == "event_text");
  decided.reason_size = 9;
  CHECK(code(raw(EventType::call_decided, decided, 8)) == "event_size");
  Gap gap{};
  CHECK(code(raw(EventType::gap, gap)) == "event_value");
  gap.lost_events = 1;
  CHECK(code(raw(EventType::gap, gap)) == "valid");
  CHECK(code(raw(EventType::gap, gap, 8)) == "event_size");
  CHECK(code(raw(EventType::gap, SessionOpened{})) == "event_size");
  gap.lost_calls = 2;
  CHECK(code(raw(EventType::gap, gap)) == "event_value");
  CallUpstream upstream{};
  upstream.digest_size = 16;
  CHECK(code(raw(EventType::call_upstream, upstream, 16)) == "event_value");
  upstream = {};
  upstream.verified = 2;
  CHECK(code(raw(EventType::call_upstream, upstream)) == "event_value");
  upstream = {};
  upstream.probed = 2;
  CHECK(code(raw(EventType::call_upstream, upstream)) == "event_value");
  upstream = {};
  upstream.application_protocol_size = application_protocol_limit + 8;
  CHECK(code(raw(EventType::call_upstream, upstream, application_protocol_limit + 8)) == "event_text");
  CallClient client{};
  client.encrypted_hello = 2;
  CHECK(code(raw(EventType::call_client, client)) == "event_value");
  client = {};
  client.protocols_size = client_protocols_limit + 8;
  CHECK(code(raw(EventType::call_client, client, client_protocols_limit + 8)) == "event_text");
  Payload payload{};
  payload.payload_size = 0xffffffff;
  CHECK(code(raw(EventType::payload, payload, 8)) == "event_size");
  payload = {};
  payload.direction = Direction{2};
  CHECK(code(raw(EventType::payload, payload)) == "event_value");
  CallClosed closed{};
  closed.outcome = Outcome{6};
  CHECK(code(raw(EventType::call_closed, closed)) == "event_value");
  CHECK(code({}) == "event_size");
  CHECK(code(std::vector<std::uint8_t>(16)) == "event_size");
}

}  // namespace
}  // namespace callgate::record
