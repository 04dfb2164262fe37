#include <catch2/catch.hpp>

#include "transcript.hpp"

namespace callgate::http1 {
namespace {

struct Case {
  std::string input;
  std::vector<std::string> methods;
  bool closed;
  std::string transcript;
};

std::string ok(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n\r\n" + body;
}

const std::vector<Case>& cases() {
  using namespace std::string_literals;
  static const std::vector<Case> all = {
      {ok("Content-Length: 2", "hi"),
       {"GET"},
       false,
       "head 200 OK 1.1 length=2 keep Content-Length=2|\nbody hi\nend \nleft 0\n"},
      {ok("Content-Length: 0\r\nConnection: close"),
       {"GET"},
       false,
       "head 200 OK 1.1 length=0 Content-Length=0|Connection=close|\nend \nleft 0\n"},
      {ok("Server: x", "to the end"),
       {"GET"},
       true,
       "head 200 OK 1.1 until_close Server=x|\nbody to the end\nend \nleft 0\n"},
      {ok("Server: x"), {"GET"}, true, "head 200 OK 1.1 until_close Server=x|\nend \nleft 0\n"},
      {"HTTP/1.0 200 OK\r\n\r\nx", {"GET"}, true, "head 200 OK 1.0 until_close \nbody x\nend \nleft 0\n"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
       {"GET"},
       false,
       "head 200 OK 1.0 length=1 Content-Length=1|\nbody x\nend \nleft 0\n"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx",
       {"GET"},
       false,
       "head 200 OK 1.0 length=1 keep Content-Length=1|Connection=keep-alive|\nbody x\nend \nleft 0\n"},
      {ok("Transfer-Encoding: chunked", "3\r\nabc\r\n1\r\nd\r\n0\r\nSum: 1\r\n\r\n"),
       {"GET"},
       false,
       "head 200 OK 1.1 chunked keep Transfer-Encoding=chunked|\nbody abcd\nend Sum=1|\nleft 0\n"},
      {ok("Content-Length: 9") + ok("Transfer-Encoding: chunked") + ok("Content-Length: 1", "x"),
       {"HEAD", "HEAD", "GET"},
       false,
       "head 200 OK 1.1 none keep Content-Length=9|\nend \nhead 200 OK 1.1 none keep "
       "Transfer-Encoding=chunked|\nend "
       "\nhead 200 OK 1.1 length=1 keep Content-Length=1|\nbody x\nend \nleft 0\n"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n"
       "Content-Length: 0\r\n\r\nHTTP/1.1 304 \r\nContent-Length: 7\r\n\r\n",
       {"POST", "GET"},
       false,
       "head 100 Continue 1.1 none keep \nend \nhead 103 Early Hints 1.1 none keep Link=a|\nend \n"
       "head 204 No Content 1.1 none keep Content-Length=0|\nend \nhead 304  1.1 none keep "
       "Content-Length=7|\nend "
       "\nleft 0\n"},
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
       {"GET"},
       false,
       "head 200  1.1 length=0 keep Content-Length=0|\nend \nleft 0\n"},
      {"HTTP/1.1 999 a \xe4 b\r\nContent-Length: 0\r\n\r\n",
       {"GET"},
       false,
       "head 999 a \xe4 b 1.1 length=0 keep Content-Length=0|\nend \nleft 0\n"},
      {ok("Host: a\r\nHost: b\r\nExpect: c\r\nContent-Length: 0"),
       {"GET"},
       false,
       "head 200 OK 1.1 length=0 keep Host=a|Host=b|Expect=c|Content-Length=0|\nend \nleft 0\n"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       {"GET"},
       false,
       "head 101 Switching Protocols 1.1 none upgrade Upgrade=x|Connection=upgrade|\nend \nleft 0\n"},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\nbytes",
       {"GET", "GET"},
       false,
       "head 101 Switching Protocols 1.1 none upgrade \nend \ninvalid 400 unexpected_response\n"},
      {ok("Content-Length: 5", "bytes"),
       {"CONNECT"},
       false,
       "head 200 OK 1.1 none upgrade Content-Length=5|\nend \ninvalid 400 unexpected_response\n"},
      {"HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\nx",
       {"CONNECT"},
       false,
       "head 403 No 1.1 length=1 keep Content-Length=1|\nbody x\nend \nleft 0\n"},
      {ok("Content-Length: 0", "HTTP/1.1 200 OK\r\n\r\n"),
       {"GET"},
       false,
       "head 200 OK 1.1 length=0 keep Content-Length=0|\nend \ninvalid 400 unexpected_response\n"},
      {"H", {}, false, "invalid 400 unexpected_response\n"},
      {"", {}, false, "left 0\n"},
      // Truncated.
      {"", {"GET"}, true, "invalid 400 truncated\n"},
      {"HTTP/1.1 200 OK\r\nA", {"GET"}, true, "invalid 400 truncated\n"},
      {ok("Content-Length: 3", "ab"),
       {"GET"},
       true,
       "head 200 OK 1.1 length=3 keep Content-Length=3|\nbody ab\ninvalid 400 truncated\n"},
      {ok("Transfer-Encoding: chunked", "1\r\na\r\n"),
       {"GET"},
       true,
       "head 200 OK 1.1 chunked keep Transfer-Encoding=chunked|\nbody a\ninvalid 400 truncated\n"},
      {ok("Transfer-Encoding: chunked", "0\r\n"),
       {"GET"},
       true,
       "head 200 OK 1.1 chunked keep Transfer-Encoding=chunked|\ninvalid 400 truncated\n"},
      // Framing.
      {ok("Content-Length: 1\r\nTransfer-Encoding: chunked"),
       {"GET"},
       false,
       "invalid 400 conflicting_lengths\n"},
      {ok("Content-Length: 1\r\nTransfer-Encoding: chunked"),
       {"HEAD"},
       false,
       "invalid 400 conflicting_lengths\n"},
      {ok("Content-Length: 1\r\nContent-Length: 1"), {"GET"}, false, "invalid 400 repeated_content_length\n"},
      {ok("Content-Length: 1, 1"), {"GET"}, false, "invalid 400 bad_content_length\n"},
      {ok("Transfer-Encoding: gzip"), {"GET"}, false, "invalid 400 bad_transfer_encoding\n"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       {"GET"},
       false,
       "invalid 400 transfer_encoding_in_1_0\n"},
      {"HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n", {"GET"}, false, "invalid 400 body_not_allowed\n"},
      {"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
       {"GET"},
       false,
       "invalid 400 body_not_allowed\n"},
      {"HTTP/1.1 100 x\r\nContent-Length: 1\r\n\r\n", {"GET"}, false, "invalid 400 body_not_allowed\n"},
      // Status lines.
      {"HTTP/1.1 20 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1 2000 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1 099 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1 :00 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1 2a0 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1  200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1\t200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.2 200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/2.0 200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"http/1.1 200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"ICY 200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"\r\nHTTP/1.1 200 OK\r\n\r\n", {"GET"}, false, "invalid 400 bad_status_line\n"},
      {"HTTP/1.1 200 O\0K\r\n\r\n"s, {"GET"}, false, "invalid 400 control_byte\n"},
      {"HTTP/1.1 200 O\rK\r\n\r\n", {"GET"}, false, "invalid 400 bare_cr\n"},
      {"HTTP/1.1 200 OK\n\r\n", {"GET"}, false, "invalid 400 bare_lf\n"},
      {ok("A: b\r\n c"), {"GET"}, false, "invalid 400 obs_fold\n"},
      {ok("A : b"), {"GET"}, false, "invalid 400 space_before_colon\n"},
  };
  return all;
}

TEST_CASE("responses are read as they are meant, or refused with their code") {
  for (const Case& one : cases()) {
    CAPTURE(one.input);
    CHECK(transcribe_responses(one.input, one.methods, one.closed) == one.transcript);
  }
}

TEST_CASE("responses that arrive in two pieces, or byte by byte, give the same events") {
  for (const Case& one : cases()) {
    CAPTURE(one.input);
    for (std::size_t cut = 0; cut <= one.input.size(); ++cut) {
      CAPTURE(cut);
      CHECK(transcribe_responses(one.input, one.methods, one.closed, {cut}) == one.transcript);
    }
    CHECK(transcribe_responses(one.input, one.methods, one.closed, every_byte(one.input)) == one.transcript);
  }
}

TEST_CASE("a body that ends with the connection is held to the limit") {
  Limits limits;
  limits.body_bytes = 3;
  CHECK(transcribe_responses(ok("A: b", "abc"), {"GET"}, true, {}, limits) ==
        "head 200 OK 1.1 until_close A=b|\nbody abc\nend \nleft 0\n");
  CHECK(transcribe_responses(ok("A: b", "abcd"), {"GET"}, true, {}, limits) ==
        "head 200 OK 1.1 until_close A=b|\nbody abc\ninvalid 413 body_too_large\n");
}

TEST_CASE("expectations keep their order while requests stay in flight") {
  ResponseReader reader({});
  reader.expect("HEAD");
  for (int round = 0; round < 1000; ++round) {
    // One more is always announced before the last is answered.
    reader.expect(round % 2 == 0 ? "GET" : "HEAD");
    const std::string head = ok("Content-Length: 1");
    REQUIRE(reader.step(head).event == Event::head);
    REQUIRE(reader.head().framing == (round % 2 == 0 ? Framing::none : Framing::length));
    if (round % 2 == 1) REQUIRE(reader.step("x").event == Event::body);
    REQUIRE(reader.step("").event == Event::end);
  }
}

TEST_CASE("interim responses are told from the final one") {
  ResponseHead head;
  head.status = 100;
  CHECK(head.interim());
  head.status = 101;
  CHECK_FALSE(head.interim());
  head.status = 200;
  CHECK_FALSE(head.interim());
}

TEST_CASE("What is still to come is told where it is content and nothing else") {
  ResponseReader reader{Limits{}};
  reader.expect("GET");
  const std::string head = ok("Content-Length: 10");
  CHECK(reader.content_left() == 0);
  CHECK(reader.step(head).event == Event::head);
  CHECK(reader.content_left() == 10);
  CHECK(reader.step("abcd").event == Event::body);
  CHECK(reader.content_left() == 6);
  CHECK(reader.step("efghijHTTP/1.1").consumed == 6);
  CHECK(reader.content_left() == 0);
  CHECK(reader.step("").event == Event::end);
  CHECK(reader.content_left() == 0);

  for (const std::string fields : {"Transfer-Encoding: chunked", "Server: until it closes"}) {
    ResponseReader other{Limits{}};
    other.expect("GET");
    CHECK(other.step(ok(fields)).event == Event::head);
    CHECK(other.step("5\r\nab").event == Event::body);
    CHECK(other.content_left() == 0);
  }
  ResponseReader none{Limits{}};
  none.expect("HEAD");
  CHECK(none.step(head).event == Event::head);
  CHECK(none.content_left() == 0);
}

}  // namespace
}  // namespace callgate::http1
