#include <catch2/catch.hpp>

#include "transcript.hpp"

namespace callgate::http1 {
namespace {

struct Case {
  std::string input;
  std::string transcript;
};

const std::vector<Case>& valid_requests() {
  static const std::vector<Case> cases = {
      {"GET /a/b?c=d&e HTTP/1.1\r\nHost: api.internal:8080\r\nAccept: */*\r\n\r\n",
       "head GET /a/b?c=d&e authority=api.internal:8080 host=api.internal port=8080 path=/a/b query=c=d&e "
       "1.1 none keep "
       "Host=api.internal:8080|Accept=*/*|\nend \nleft 0\nidle\n"},
      {"\r\nGET / HTTP/1.1\r\nhOST:\t a \t\r\nEmpty:\r\nX:a b\tc\xc3\xa4\r\n\r\n",
       "head GET / authority=a host=a port=-1 path=/ 1.1 none keep hOST=a|Empty=|X=a b\tc\xc3\xa4|\nend "
       "\nleft 0\nidle\n"},
      {"GET /? HTTP/1.0\r\nHost: a\r\n\r\n",
       "head GET /? authority=a host=a port=-1 path=/ query= 1.0 none Host=a|\nend \nleft 0\nidle\n"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n",
       "head GET / authority=a host=a port=-1 path=/ 1.0 none keep Host=a|Connection=Keep-Alive|\nend \nleft "
       "0\nidle\n"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
       "head GET / authority=a host=a port=-1 path=/ 1.0 none Host=a|Connection=keep-alive, close|\nend "
       "\nleft 0\nidle\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, ,CLOSE,\r\n\r\n",
       "head GET / authority=a host=a port=-1 path=/ 1.1 none Host=a|Connection=x, ,CLOSE,|\nend \nleft "
       "0\nidle\n"},
      {"GET http://A.example:81/x?y HTTP/1.0\r\n\r\n",
       "head GET http://A.example:81/x?y authority=A.example:81 host=A.example port=81 path=/x query=y 1.0 "
       "none "
       "\nend \nleft 0\nidle\n"},
      {"GET HTTP://a.example HTTP/1.1\r\nHost: A.EXAMPLE.:80\r\n\r\n",
       "head GET HTTP://a.example authority=a.example host=a.example port=-1 path=/ 1.1 none keep "
       "Host=A.EXAMPLE.:80|\nend \nleft 0\nidle\n"},
      {"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
       "head OPTIONS http://a authority=a host=a port=-1 path=* 1.1 none keep Host=a|\nend \nleft 0\nidle\n"},
      {"OPTIONS http://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
       "head OPTIONS http://a?b authority=a host=a port=-1 path=/ query=b 1.1 none keep Host=a|\nend \nleft "
       "0\nidle\n"},
      {"OPTIONS * HTTP/1.1\r\nHost: a.example.\r\n\r\n",
       "head OPTIONS * authority=a.example. host=a.example port=-1 path=* 1.1 none keep "
       "Host=a.example.|\nend \nleft "
       "0\nidle\n"},
      {"GET //b/%2F%00?a\\b=\"{|}\" HTTP/1.1\r\nHost: [2001:db8::1]:65535\r\n\r\n",
       "head GET //b/%2F%00?a\\b=\"{|}\" authority=[2001:db8::1]:65535 host=2001:db8::1 port=65535 "
       "path=//b/%2F%00 "
       "query=a\\b=\"{|}\" 1.1 none keep Host=[2001:db8::1]:65535|\nend \nleft 0\nidle\n"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
       "head CONNECT a:443 authority=a:443 host=a port=443 path= 1.1 none keep Host=a:443|\nend \nleft "
       "0\nidle\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
       "head GET / authority=a host=a port=-1 path=/ 1.1 none keep upgrade "
       "Host=a|Connection=Upgrade, HTTP2-Settings|Upgrade=h2c|\nend \nleft 0\nidle\n"},
      {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
       "head GET / authority=a host=a port=-1 path=/ 1.0 none Host=a|Connection=Upgrade|Upgrade=h2c|\nend "
       "\nleft "
       "0\nidle\n"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\nExpect: 100-Continue\r\n\r\nhello",
       "head POST / authority=a host=a port=-1 path=/ expect 1.1 length=5 keep "
       "Host=a|Content-Length=005|Expect=100-Continue|\nbody hello\nend \nleft 0\nidle\n"},
      {"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
       "head POST / authority=a host=a port=-1 path=/ 1.0 length=0 "
       "Host=a|Content-Length=0|Expect=100-continue|\nend "
       "\nleft 0\nidle\n"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
       "5\r\nhello\r\n0000000000000001;a;b=c;d=\"e;\\\" f\"\r\n!\r\nA\r\n0123456789\r\n00\r\nX-Sum: "
       "1\r\nY:\r\n\r\n",
       "head POST / authority=a host=a port=-1 path=/ 1.1 chunked keep Host=a|Transfer-Encoding=Chunked|\n"
       "body hello!0123456789\nend X-Sum=1|Y=|\nleft 0\nidle\n"},
      {"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhiPUT /3 "
       "HTTP/1.1\r\n"
       "Host: c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nyo\r\n0\r\n\r\n\r\nGET /4 HTTP/1.1\r\nHost: "
       "d\r\n\r\nGET /5",
       "head GET /1 authority=a host=a port=-1 path=/1 1.1 none keep Host=a|\nend \n"
       "head POST /2 authority=b host=b port=-1 path=/2 1.1 length=2 keep Host=b|Content-Length=2|\nbody "
       "hi\nend \n"
       "head PUT /3 authority=c host=c port=-1 path=/3 1.1 chunked keep "
       "Host=c|Transfer-Encoding=chunked|\nbody yo\nend "
       "\nhead GET /4 authority=d host=d port=-1 path=/4 1.1 none keep Host=d|\nend \nleft 6\nidle\n"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello",
       "head POST / authority=a host=a port=-1 path=/ 1.1 length=9 keep Host=a|Content-Length=9|\nbody "
       "hello\nleft 0\n"},
      {"", "left 0\nidle\n"},
  };
  return cases;
}

TEST_CASE("requests are read as they are meant") {
  for (const Case& one : valid_requests()) {
    CAPTURE(one.input);
    CHECK(transcribe_requests(one.input) == one.transcript);
  }
}

TEST_CASE("requests that arrive in two pieces, or byte by byte, give the same events") {
  for (const Case& one : valid_requests()) {
    CAPTURE(one.input);
    for (std::size_t cut = 0; cut <= one.input.size(); ++cut) {
      CAPTURE(cut);
      CHECK(transcribe_requests(one.input, {cut}) == one.transcript);
    }
    CHECK(transcribe_requests(one.input, every_byte(one.input)) == one.transcript);
  }
}

TEST_CASE("a body is given out in pieces as large as the input allows, without a copy") {
  RequestReader reader({});
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
  REQUIRE(reader.step(head).consumed == head.size());
  const std::string data(60000, 'x');
  const Step step = reader.step(data);
  CHECK(step.event == Event::body);
  CHECK(step.consumed == data.size());
  CHECK(step.body.data() == data.data());
  CHECK(step.body.size() == data.size());
  CHECK_FALSE(reader.idle());
}

TEST_CASE("a reader keeps the capacity of its field list from message to message") {
  RequestReader reader({});
  const std::string input = "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n";
  REQUIRE(reader.step(input).event == Event::head);
  const Field* first = reader.head().fields.data();
  REQUIRE(reader.step("").event == Event::end);
  REQUIRE(reader.step(input).event == Event::head);
  CHECK(reader.head().fields.data() == first);
}

TEST_CASE("a moved reader continues where it was") {
  RequestReader reader({});
  const std::string input = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(reader.step(input.substr(0, 20)).event == Event::need_more);
  RequestReader moved = std::move(reader);
  CHECK(moved.step(input).event == Event::head);
  CHECK(moved.head().host == "a");
}

}  // namespace
}  // namespace callgate::http1
