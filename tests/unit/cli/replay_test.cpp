#include "cli/replay.hpp"

#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;
using std::chrono::nanoseconds;

namespace {

constexpr std::uint64_t start = 1'769'903'999'123'000'000;

v1::ShowSessionPart record() {
  v1::ShowSessionPart part;
  *part.mutable_record() = test::sample();
  return part;
}

v1::ShowSessionPart piece(std::uint64_t after_ms, bool request, const std::string& data,
                          std::uint64_t offset = 0) {
  v1::ShowSessionPart part;
  auto& chunk = *part.mutable_payload();
  chunk.set_direction(request ? v1::PayloadChunk::DIRECTION_REQUEST : v1::PayloadChunk::DIRECTION_RESPONSE);
  chunk.set_kind(v1::PayloadChunk::KIND_BODY);
  chunk.set_time_ns(start + after_ms * 1'000'000);
  chunk.set_offset(offset);
  chunk.set_data(data);
  return part;
}

struct Played {
  std::string text;
  std::vector<nanoseconds> waits;
  bool damaged = false;
};

Played play(const std::vector<v1::ShowSessionPart>& parts) {
  Played played;
  std::ostringstream out;
  const Output output{out, out};
  Replay replay(output, [&](nanoseconds gap) {
    played.waits.push_back(gap);
    return true;
  });
  for (const auto& part : parts)
    CHECK(replay.add(part));
  CHECK(replay.finish());
  played.text = out.str();
  played.damaged = replay.damaged();
  return played;
}

}  // namespace

TEST_CASE("a session is played in its order, with the time between its pieces") {
  const auto played = play({record(), piece(10, true, "ask\n"), piece(40, false, "answer")});
  CHECK(played.text ==
        "2026-01-31T23:59:59.123Z  00000000000000000000000000000002  http:GET pay.internal/\\x1b[2Jx, allow\n"
        "→ +0.010000 s  request body, 4 B from byte 0\n"
        "    ask\n"
        "← +0.040000 s  response body, 6 B from byte 0\n"
        "    answer\n"
        "= +0.100000 s  completed, status 200\n");
  CHECK(played.waits == std::vector<nanoseconds>{std::chrono::milliseconds(10), std::chrono::milliseconds(30),
                                                 std::chrono::milliseconds(60)});
}

TEST_CASE("a clock that was set back stops nothing") {
  const auto played = play({record(), piece(50, true, "a"), piece(20, true, "b", 1)});
  CHECK(played.waits.size() == 2);
}

TEST_CASE("characters that pieces cut in two come whole, and other bytes as a dump") {
  const auto played = play(
      {record(), piece(1, true, "a\xe6\x97"), piece(2, true, "\xa5z", 3), piece(3, false, "\x01\x02", 7)});
  CHECK(played.text.find("    a\n") != std::string::npos);
  CHECK(played.text.find("    \xe6\x97\xa5z\n") != std::string::npos);
  CHECK(played.text.find("    000007  01 02") != std::string::npos);
  CHECK(play({record(), piece(1, true, "a\xe6")}).text.find("    \\xe6\n") != std::string::npos);
}

TEST_CASE("what is not there is said") {
  auto lost = piece(5, false, "");
  lost.mutable_payload()->set_state(v1::PayloadChunk::STATE_DAMAGED);
  const auto played = play({record(), lost});
  CHECK(played.damaged);
  CHECK(played.text.find("response body [DAMAGED: it cannot be read]") != std::string::npos);
  auto cut = piece(0, false, "");
  cut.mutable_payload()->clear_time_ns();
  cut.mutable_payload()->set_truncated(true);
  CHECK(play({record(), cut}).text.find("[truncated: ") != std::string::npos);
}

TEST_CASE("a replay ends where nobody wants more") {
  std::ostringstream out;
  const Output output{out, out};
  Replay replay(output, [](nanoseconds) { return false; });
  CHECK(replay.add(record()));
  CHECK_FALSE(replay.add(piece(10, true, "secret")));
  CHECK(out.str().find("secret") == std::string::npos);
}

TEST_CASE("speeds are factors") {
  CHECK(parse_speed("2") == 2.0);
  CHECK(parse_speed("0.5x") == 0.5);
  CHECK(parse_speed("max") == 0.0);
  CHECK(parse_speed("0") == 0.0);
  for (const auto* text : {"", "x", "-1", "nan", "inf", "2y", "fast", "1e9"})
    CHECK_FALSE(parse_speed(text));
}
