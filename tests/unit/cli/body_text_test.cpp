#include "cli/body_text.hpp"

#include <catch2/catch.hpp>
#include <zlib.h>

#include "cli/content_coding.hpp"

using namespace callgate::cli;

namespace {

// wrapper: 15 zlib, 31 gzip, -15 none.
std::string compress(const std::string& bytes, int wrapper) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, wrapper, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

}  // namespace

TEST_CASE("JSON is indented, its values as they were written") {
  CHECK(indent_json(R"({"a":1,"b":[true,null,{"c":"x, {y}: \"z\""}],"e":{},"f":[ ]})") ==
        "{\n"
        "  \"a\": 1,\n"
        "  \"b\": [\n"
        "    true,\n"
        "    null,\n"
        "    {\n"
        "      \"c\": \"x, {y}: \\\"z\\\"\"\n"
        "    }\n"
        "  ],\n"
        "  \"e\": {},\n"
        "  \"f\": []\n"
        "}\n");
  // Neither rounded nor merged: this is evidence.
  CHECK(indent_json("{\"n\":12345678901234567890123,\"n\":1.0e400}") ==
        "{\n  \"n\": 12345678901234567890123,\n  \"n\": 1.0e400\n}\n");
  CHECK(indent_json("\"\\\\\"") == "\"\\\\\"\n");
}

TEST_CASE("what is no JSON stays as it is") {
  for (const auto* text : {"", "{", "{\"a\":}", "[1,]", "{'a':1}", "nul", "[1] x", "\"a", "\"\\"})
    CHECK(indent_json(text).empty());
  CHECK(indent_json(std::string(33, '[') + std::string(33, ']')).empty());
  CHECK_FALSE(indent_json(std::string(31, '[') + std::string(31, ']')).empty());
  CHECK(body_text("application/json", "", "{oops", true).text == "{oops");
  CHECK(body_text("application/json", "", "{oops", true).note == "no JSON, or nested too deep");
}

TEST_CASE("bodies are shown by their type") {
  CHECK(body_text("application/problem+json; charset=utf-8", "", "{\"a\":1}", true).text ==
        "{\n  \"a\": 1\n}\n");
  CHECK(body_text("", "", "{\"a\":1}", true).note == "JSON, indented");
  CHECK(body_text("text/plain", "", "{\"a\":1}", true).text == "{\"a\":1}");
  CHECK(body_text("application/x-www-form-urlencoded", "", "a=1&b=x+y%21&c&%1b=%0a", true).text ==
        "a = 1\nb = x y!\nc = \n\\x1b = \\n\n");
  CHECK(body_text("image/png", "", "\x89PNG", true).text.find("000000  89 50 4e 47") == 0);
  // A part of a document is no document.
  CHECK(body_text("application/json", "", "{\"a\":1}", false).text == "{\"a\":1}");
}

TEST_CASE("no body can control the terminal, whatever its type") {
  for (const auto* type :
       {"", "application/json", "text/html", "application/x-www-form-urlencoded", "\x1b[2J"}) {
    for (const auto* body : {"\x1b[2J", "{\"a\":\"\xc2\x9b\"}", "a=%1b[2J&\x07", "\xe2\x80\xae"}) {
      const auto shown = body_text(type, "", body, true);
      for (const char c : shown.text + shown.note)
        CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t'));
      CHECK(shown.text.find("\xc2\x9b") == std::string::npos);
      CHECK(shown.text.find("\xe2\x80\xae") == std::string::npos);
    }
  }
}

TEST_CASE("gzip and deflate are undone, with and without a wrapper") {
  const std::string text = "{\"a\":[1,2]}";
  for (const auto& [coding, wrapper] : {std::pair{"gzip", 31}, std::pair{"X-GZIP", 31},
                                        std::pair{"deflate", 15}, std::pair{"deflate", -15}}) {
    const auto decoded = decode_content(coding, compress(text, wrapper), 1000);
    CHECK(decoded.known);
    CHECK(decoded.whole);
    CHECK(decoded.bytes == text);
  }
  CHECK(body_text("application/json", "gzip", compress(text, 31), true).note ==
        "gzip, decoded to 11 B, JSON, indented");
}

TEST_CASE("a bomb is decoded to its limit only, and said to be longer") {
  const auto bomb = compress(std::string(64U << 20U, 'a'), 31);
  CHECK(bomb.size() < 100'000);
  const auto decoded = decode_content("gzip", bomb, 1U << 20U);
  CHECK(decoded.bytes.size() == 1U << 20U);
  CHECK_FALSE(decoded.whole);
  CHECK(decoded.problem.find("only the first 1048576 bytes") == 0);
}

TEST_CASE("what cannot be decoded is said, and shown as it is") {
  const auto whole = compress(std::string(5000, 'a') + "end", 31);
  const auto torn = decode_content("gzip", whole.substr(0, whole.size() - 12), 10'000);
  CHECK_FALSE(torn.whole);
  CHECK(torn.problem == "its end is missing");
  CHECK_FALSE(torn.bytes.empty());
  CHECK(decode_content("gzip", "no gzip", 100).problem == "its data is damaged");
  CHECK(body_text("text/plain", "gzip", "no gzip", true).text == "no gzip");
  CHECK(body_text("text/plain", "br", "\x0b\x02", true).note == "the coding br is not undone here");
  CHECK(body_text("text/plain", "gzip, br", "x", true).note == "the coding gzip, br is not undone here");
  CHECK(decode_content("", "abc", 2).problem == "only the first 2 bytes are shown");
}
