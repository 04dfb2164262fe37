#include "protocol/http1/writer.hpp"

#include <catch2/catch.hpp>

#include "transcript.hpp"

namespace callgate::http1 {
namespace {

std::string rewrite_request(const std::string& input) {
  RequestReader reader({});
  REQUIRE(reader.step(input).event == Event::head);
  std::string out = "before|";
  append_request_head(out, reader.head());
  REQUIRE(out.substr(0, 7) == "before|");
  return out.substr(7);
}

std::string rewrite_response(const std::string& input, const std::string& method, int client_minor,
                             bool close) {
  ResponseReader reader({});
  reader.expect(method);
  REQUIRE(reader.step(input).event == Event::head);
  std::string out;
  append_response_head(out, reader.head(), client_minor, close);
  return out;
}

TEST_CASE("a request goes on with Host first, anew framed and without hop-by-hop fields") {
  CHECK(
      rewrite_request(
          "POST /a?b HTTP/1.1\r\nA: 1\r\nConnection: X-Hop, keep-alive\r\nContent-Length: 05\r\nx-hop: 2\r\n"
          "Host: t:81\r\nKeep-Alive: 3\r\nTE: trailers\r\nProxy-Connection: 4\r\nProxy-Authorization: 5\r\n"
          "Upgrade: 6\r\nTrailer: T\r\nCookie: 7\r\nExpect: 100-continue\r\n\r\n") ==
      "POST /a?b HTTP/1.1\r\nHost: t:81\r\nA: 1\r\nTrailer: T\r\nCookie: 7\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n");
  CHECK(rewrite_request("PUT / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\nHost: t\r\n\r\n") ==
        "PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(rewrite_request("GET http://t:80?q HTTP/1.1\r\nHost: T\r\n\r\n") ==
        "GET /?q HTTP/1.1\r\nHost: t:80\r\n\r\n");
  CHECK(rewrite_request("OPTIONS http://t HTTP/1.0\r\n\r\n") == "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(rewrite_request("GET /? HTTP/1.0\r\nHost: t\r\nExpect: 100-continue\r\n\r\n") ==
        "GET /? HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(rewrite_request("CONNECT t:443 HTTP/1.1\r\nHost: t:443\r\n\r\n") ==
        "CONNECT t:443 HTTP/1.1\r\nHost: t:443\r\n\r\n");
}

TEST_CASE("a written request is read again as the same request") {
  const std::string once = rewrite_request(
      "PATCH /a%20b//c?d=e?f HTTP/1.1\r\nhost: [::1]:8080\r\nX-Empty:\r\nX-Text: \xc3\xa4 "
      "b\r\nTransfer-Encoding: "
      "chunked\r\n\r\n");
  CHECK(rewrite_request(once) == once);
  const std::string read = transcribe_requests(once);
  CHECK(read.substr(0, read.find('\n')) ==
        "head PATCH /a%20b//c?d=e?f authority=[::1]:8080 host=::1 port=8080 path=/a%20b//c query=d=e?f 1.1 "
        "chunked keep "
        "Host=[::1]:8080|X-Empty=|X-Text=\xc3\xa4 b|Transfer-Encoding=chunked|");
}

TEST_CASE("hop-by-hop fields are those of RFC 9110 and those that Connection lists") {
  Head head;
  head.fields = {{"connection", "close, x-a"}, {"Connection", "X-B,"}};
  for (const char* name :
       {"Connection", "keep-alive", "Proxy-Connection", "Proxy-Authenticate", "PROXY-AUTHORIZATION", "TE",
        "transfer-encoding", "Upgrade", "X-A", "x-b", "close"})
    CHECK(is_hop_by_hop(head, name));
  for (const char* name : {"Trailer", "Host", "Content-Length", "X-C", "Cookie", "", "Keep", "Expect"})
    CHECK_FALSE(is_hop_by_hop(head, name));
}

TEST_CASE("a response is framed for the client that gets it") {
  const std::string chunked =
      "HTTP/1.0 200 Fine\r\nA: 1\r\nConnection: B\r\nB: 2\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\n\r\n";
  CHECK(rewrite_response(chunked, "GET", 1, false) ==
        "HTTP/1.1 200 Fine\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(rewrite_response(chunked, "GET", 1, true) ==
        "HTTP/1.1 200 Fine\r\nA: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  CHECK(rewrite_response(chunked, "GET", 0, false) ==
        "HTTP/1.1 200 Fine\r\nA: 1\r\nConnection: close\r\n\r\n");
  const std::string sized = "HTTP/1.1 200 OK\r\nContent-Length: 007\r\nA: 1\r\n\r\n";
  CHECK(rewrite_response(sized, "GET", 1, false) == "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 7\r\n\r\n");
  CHECK(rewrite_response(sized, "GET", 0, false) ==
        "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n");
  CHECK(rewrite_response(sized, "HEAD", 1, false) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 007\r\nA: 1\r\n\r\n");
  CHECK(rewrite_response("HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n", "GET", 1, false) ==
        "HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n");
  CHECK(rewrite_response("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", "GET", 1, true) ==
        "HTTP/1.1 204 x\r\nConnection: close\r\n\r\n");
  CHECK(rewrite_response("HTTP/1.1 103 x\r\nLink: a\r\nConnection: close\r\n\r\n", "GET", 1, true) ==
        "HTTP/1.1 103 x\r\nLink: a\r\n\r\n");
}

TEST_CASE("only a body of unknown length for an HTTP/1.0 client ends the connection") {
  ResponseHead head;
  head.status = 200;
  for (const Framing framing : {Framing::none, Framing::length, Framing::chunked, Framing::until_close}) {
    head.framing = framing;
    CHECK_FALSE(body_ends_connection(head, 1));
    CHECK(body_ends_connection(head, 0) == (framing == Framing::chunked || framing == Framing::until_close));
  }
}

TEST_CASE("written chunks are read again as the same body and trailers") {
  std::string out = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::size_t head_size = out.size();
  append_chunk(out, "hello, ");
  append_chunk(out, "");
  append_chunk(out, std::string(300, 'x'));
  append_last_chunk(out, {{"Sum", "1"}, {"Content-Length", "4"}, {"host", "b"}});
  CHECK(out.substr(head_size) ==
        "7\r\nhello, \r\n12c\r\n" + std::string(300, 'x') + "\r\n0\r\nSum: 1\r\n\r\n");
  const std::string read = transcribe_requests(out);
  CHECK(read.substr(read.find('\n') + 1) ==
        "body hello, " + std::string(300, 'x') + "\nend Sum=1|\nleft 0\nidle\n");
}

TEST_CASE("an answer of the gateway's own is a whole response") {
  const std::string answer =
      make_problem_response(403, R"({"title":"denied"})", "Retry-After: 5\r\n", false, true);
  CHECK(answer ==
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: "
        "18\r\nRetry-After: "
        "5\r\nConnection: close\r\n\r\n{\"title\":\"denied\"}");
  CHECK(transcribe_responses(answer, {"GET"}, false).find("body {\"title\":\"denied\"}\nend \nleft 0\n") !=
        std::string::npos);
  const std::string without_body = make_problem_response(403, R"({"title":"denied"})", {}, true, false);
  CHECK(without_body ==
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: 18\r\n\r\n");
}

TEST_CASE("reason phrases are IANA's") {
  CHECK(reason_phrase(404) == "Not Found");
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(799) == "Unknown");
}

}  // namespace
}  // namespace callgate::http1
