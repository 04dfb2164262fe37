#include "policy/function_pattern.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace callgate::policy;

TEST_CASE("path patterns match segments") {
  struct Row {
    const char* pattern;
    const char* path;
    bool matches;
  };
  const Row rows[] = {
      {"/", "/", true},
      {"/", "/a", false},
      {"/a", "/a", true},
      {"/a", "/a/", false},
      {"/a/", "/a/", true},
      {"/a", "/A", false},
      {"/v1/customers/*", "/v1/customers/42", true},
      {"/v1/customers/*", "/v1/customers/", false},
      {"/v1/customers/*", "/v1/customers", false},
      {"/v1/customers/*", "/v1/customers/42/cards", false},
      {"/v1/customers/*", "/v1/customers/42/", false},
      {"/*/b", "/a/b", true},
      {"/*/b", "//b", false},
      {"/f/*.pdf", "/f/x.pdf", true},
      {"/f/*.pdf", "/f/.pdf", true},
      {"/f/*.pdf", "/f/x.pdf.exe", false},
      {"/f/*.pdf", "/f/x/y.pdf", false},
      {"/f/a*b*c", "/f/aXbYbZc", true},
      {"/**", "/", true},
      {"/**", "/a/b/c", true},
      {"/**", "*", false},
      {"/**", "", false},
      {"/v1/**", "/v1", true},
      {"/v1/**", "/v1/", true},
      {"/v1/**", "/v1/a/b", true},
      {"/v1/**", "/v10", false},
      {"/**/x", "/x", true},
      {"/**/x", "/a/b/x", true},
      {"/**/x", "/a/x/b", false},
      {"/a/**/b/**/c", "/a/b/c", true},
      {"/a/**/b/**/c", "/a/1/b/2/b/3/c", true},
      {"/a/**/b/**/c", "/a/1/c/b", false},
      {"/**/**/a", "/a", true},
      {"/a%20b", "/a b", true},
      {"/%C3%A9", "/\xc3\xa9", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern, row.path);
    PatternFault fault;
    const auto function = parse_function("http:GET " + std::string(row.pattern), fault);
    REQUIRE(function);
    CHECK(path_matches(function->path, row.path) == row.matches);
  }
}

TEST_CASE("functions that a build cannot honour are refused with what to write instead") {
  struct Row {
    const char* text;
    const char* message;
    const char* hint;
  };
  const Row rows[] = {
      {"", "names no protocol", "http:METHOD"},
      {"GET /", "names no protocol", "http:METHOD"},
      {"http", "names no protocol", "http:METHOD"},
      {"http:", "path is missing", "/**"},
      {"http:GET", "path is missing", "`http:GET /**`"},
      {"http:*", "path is missing", "`http:* /**`"},
      {"http:GET *", "has no path", "`/**`"},
      {"http:GET api.test", "has no path", "`api.test/**`"},
      {"http:get /", "no HTTP method", "capitals"},
      {"http:GET,,PUT /", "no HTTP method", "capitals"},
      {"http:GET, PUT /", "no HTTP method", "capitals"},
      {"http:GET /a b", "space", "%20"},
      {"http:GET /a?b=c", "query", "leave out"},
      {"http:GET /a/../b", "normal form", "`/b`"},
      {"http:GET /a%2Fb", "no call can have", ""},
      {"http:GET /%2A", "wildcard", "`*`"},
      {"http:GET /a**", "shares the segment", "/v1/**"},
      {"http:GET a.*.test/", "inside", "*.pay"},
      {"http:GET a.test:80/", "port", "`port`"},
      {"http:GET bad_host!/", "characters", "host name"},
      {"tcp:listen", "no function", "tcp:connect"},
      {"tls:connecting", "no function", "tls:connect"},
      {"tls:connect a b", "characters", "host name"},
      {"grpc:pay.v1.Pay/Refund", "cannot honour functions of `grpc`", "remove"},
      {"mcp:tools/call/x", "cannot honour functions of `mcp`", "remove"},
      {"jsonrpc:add", "cannot honour functions of `jsonrpc`", "remove"},
      {"sql:DELETE *", "cannot honour functions of `sql`", "remove"},
      {"ftp:GET", "unknown protocol `ftp`", "http:METHOD"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    PatternFault fault;
    CHECK_FALSE(parse_function(row.text, fault));
    CHECK_THAT(fault.message, Catch::Contains(row.message));
    CHECK_THAT(fault.hint, Catch::Contains(row.hint));
  }
}

TEST_CASE("globs cost at most pattern times text") {
  const std::string text(20'000, 'a');
  std::string pattern;
  for (int i = 0; i < 500; ++i)
    pattern += "a*";
  CHECK_FALSE(glob_matches(pattern + "b", text));
  CHECK(glob_matches(pattern, text));
  CHECK(glob_matches("*", ""));
  CHECK_FALSE(glob_matches("", "a"));
}
