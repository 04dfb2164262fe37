#include "cli/payload_text.hpp"

#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;

namespace {

v1::PayloadChunk chunk(const std::string& data, v1::PayloadChunk::Kind kind = v1::PayloadChunk::KIND_BODY,
                       std::uint64_t offset = 0) {
  v1::PayloadChunk result;
  result.set_kind(kind);
  result.set_data(data);
  result.set_offset(offset);
  return result;
}

v1::PayloadChunk lost(v1::PayloadChunk::State state,
                      v1::PayloadChunk::Kind kind = v1::PayloadChunk::KIND_BODY) {
  v1::PayloadChunk result;
  result.set_direction(v1::PayloadChunk::DIRECTION_RESPONSE);
  result.set_kind(kind);
  result.set_state(state);
  return result;
}

struct Shown {
  std::string text;
  bool damaged;
};

Shown show(const std::vector<v1::PayloadChunk>& chunks) {
  std::ostringstream out;
  const Output output{out, out};
  PayloadPrinter printer(output);
  printer.begin(test::sample());
  for (const auto& each : chunks)
    printer.add(each);
  printer.finish();
  return {out.str(), printer.damaged()};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("payloads stand under a heading for each part, bodies by the type that their head says") {
  const auto head = chunk("POST / HTTP/1.1\r\nHost: pay\r\nContent-Type: application/json\r\n\r\n",
                          v1::PayloadChunk::KIND_HEAD);
  auto answer = chunk("\x1f\x8b\x08\xff");
  answer.set_direction(v1::PayloadChunk::DIRECTION_RESPONSE);
  const auto shown = show({head, chunk("{\"amount\":1}"), answer});
  CHECK(shown.text ==
        "  request head (62 B)\n"
        "    POST / HTTP/1.1\n"
        "    Host: pay\n"
        "    Content-Type: application/json\n"
        "    \n"
        "  request body (12 B; JSON, indented)\n"
        "    {\n"
        "      \"amount\": 1\n"
        "    }\n"
        "  response body (4 B)\n"
        "    000000  1f 8b 08 ff                                       |....|\n");
  CHECK_FALSE(shown.damaged);
}

TEST_CASE("pieces of one part are one, and a cut is marked with what is known of the whole") {
  auto last = chunk("second", v1::PayloadChunk::KIND_BODY, 6);
  last.set_direction(v1::PayloadChunk::DIRECTION_RESPONSE);
  last.set_truncated(true);
  last.set_omitted(2048);
  auto first = chunk("first ");
  first.set_direction(v1::PayloadChunk::DIRECTION_RESPONSE);
  const auto shown = show({first, last});
  CHECK(contains(shown.text,
                 "  response body (12 B)\n"
                 "    first second\n"
                 "    [truncated: 2.0 KiB (2,048 B) more passed and were not captured]\n"));
  CHECK(contains(shown.text, "salted sha256 of the first 0 B: cdcd"));
  CHECK_FALSE(shown.damaged);
}

TEST_CASE("payload that is gone is said to be, with what the record keeps of it") {
  const auto expired = show({lost(v1::PayloadChunk::STATE_EXPIRED)});
  CHECK(contains(expired.text, "  response body\n    [expired: retention has removed it]\n"));
  CHECK(contains(expired.text,
                 "[the record keeps its size 976.6 KiB (1,000,000 B) and its salted sha256 cdcd"));
  CHECK_FALSE(expired.damaged);
  CHECK(contains(show({lost(v1::PayloadChunk::STATE_ERASED)}).text, "[erased: "));
}

TEST_CASE("payload that cannot be read is loud, and so is a hole") {
  auto damaged = lost(v1::PayloadChunk::STATE_DAMAGED);
  damaged.set_problem("payload.3 is damaged\x1b[2J");
  const auto shown = show({damaged});
  CHECK(contains(shown.text, "[DAMAGED: payload.3 is damaged\\x1b[2J]"));
  CHECK(shown.damaged);
  const auto hole = show({chunk("abc"), chunk("def", v1::PayloadChunk::KIND_BODY, 10)});
  CHECK(contains(hole.text,
                 "abc\n    [DAMAGED: 7 B are missing here]\n  request body (from byte 10, 3 B)\n    def\n"));
  CHECK(hole.damaged);
}

TEST_CASE("payload text cannot control the terminal") {
  CHECK(contains(show({chunk("a\xe2\x80\xae"
                             "b\n")})
                     .text,
                 "a\\u{202e}b"));
  CHECK_FALSE(contains(show({chunk("\x1b[31mred")}).text, "\x1b"));
}

TEST_CASE("long payloads are printed in pieces, cut between characters") {
  std::vector<v1::PayloadChunk> chunks;
  std::uint64_t offset = 0;
  for (int at = 0; at < 12; ++at) {
    std::string text = at == 0 ? "x" : "";
    while (text.size() < (256U << 10U))
      text += "\xe6\x97\xa5";
    chunks.push_back(chunk(text, v1::PayloadChunk::KIND_BODY, offset));
    offset += text.size();
  }
  const auto shown = show(chunks);
  CHECK(shown.text.size() > 12U * (256U << 10U));
  CHECK(contains(shown.text, "request body (1.0 MiB"));
  CHECK(contains(shown.text, "request body (from byte 1,"));
  CHECK_FALSE(contains(shown.text, "|"));
  CHECK_FALSE(shown.damaged);
}
