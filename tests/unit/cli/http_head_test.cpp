#include "cli/http_head.hpp"

#include <catch2/catch.hpp>

using namespace callgate::cli;

TEST_CASE("a head is a line and fields") {
  const auto head =
      parse_http_head("POST /x?q=1 HTTP/1.1\r\nHost: pay\r\nX-A:  1 \r\nx-a: 2\r\nno field\r\n\r\n");
  CHECK(head.start_line == "POST /x?q=1 HTTP/1.1");
  REQUIRE(head.fields.size() == 3);
  CHECK(head.field("HOST") == "pay");
  CHECK(head.all("X-A") == "1, 2");
  CHECK(head.field("none").empty());
  const auto line = split_start_line(head.start_line);
  CHECK(line.first == "POST");
  CHECK(line.second == "/x?q=1");
  CHECK(line.third == "HTTP/1.1");
  CHECK(split_start_line("HTTP/1.1 404 Not Found").third == "Not Found");
  CHECK(split_start_line("").first.empty());
}

TEST_CASE("of several heads the final one counts") {
  const auto head = parse_http_head("HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nC: d\r\n\r\n");
  CHECK(head.start_line == "HTTP/1.1 200 OK");
  CHECK(head.field("a").empty());
  CHECK(head.field("c") == "d");
}

TEST_CASE("a head that was cut is read as far as it goes, and a huge one is bounded") {
  CHECK(parse_http_head("GET /").start_line == "GET /");
  CHECK(parse_http_head("GET / HTTP/1.1\r\nHos").fields.empty());
  std::string text = "GET / HTTP/1.1\r\n";
  for (int field = 0; field < 5000; ++field)
    text += "a: b\r\n";
  CHECK(parse_http_head(text).fields.size() == HttpHead::most_fields);
}

TEST_CASE("media types and forms") {
  CHECK(media_type(" Application/JSON ; charset=utf-8") == "application/json");
  CHECK(media_type("").empty());
  const auto form = parse_form("a=1&&b=%4a%zz+&c=d=e&=f&%", 10);
  REQUIRE(form.size() == 5);
  CHECK(form[1].second == "J%zz ");
  CHECK(form[2].second == "d=e");
  CHECK(form[3].first.empty());
  CHECK(form[4].first == "%");
  CHECK(parse_form("a&b&c", 2).size() == 2);
}
