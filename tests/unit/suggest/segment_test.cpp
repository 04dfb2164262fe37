// Which segments of paths are values, and how patterns say the others.
#include "suggest/segment.hpp"

#include <catch2/catch.hpp>

#include "policy/function_pattern.hpp"
#include "suggest/text.hpp"

using namespace callgate;
using namespace callgate::suggest;

TEST_CASE("ids and numbers are told from words") {
  for (const char* id : {"550e8400-e29b-41d4-a716-446655440000", "5f2b9c1d", "DEADBEEF01",
                         "507f1f77bcf86cd799439011", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "cus_9s6XKzkNRiz8i3Lm2"}) {
    CAPTURE(id);
    CHECK(shape_of(id) == Shape::id);
  }
  for (const char* number : {"0", "42", "20261126", "2026-11-26", "2026-11-26T07:30:00Z"}) {
    CAPTURE(number);
    CHECK(shape_of(number) == Shape::number);
  }
  for (const char* word : {"v1", "customers", "facade", "deadbeef", "getUserAccountBalanceById", "me", "",
                           "order-confirmation-2024-template", "openid-configuration", "1.2.3", "oauth2"}) {
    CAPTURE(word);
    CHECK(shape_of(word) == Shape::word);
  }
  CHECK(shape_of(std::string(8000, 'a')) == Shape::id);
  CHECK(split_ending("42.json").stem == "42");
  CHECK(split_ending("42.json").ending == ".json");
  CHECK(split_ending(".json").ending.empty());
  CHECK(split_ending("1.5").ending.empty());
}

TEST_CASE("a literal pattern matches its segment, whatever characters it has") {
  std::string every = "/v1/";
  for (int c = 0x20; c < 0x7f; ++c) {
    if (c != '/' && c != '\\' && c != '*') every += static_cast<char>(c);
  }
  every += "ü€😀";
  REQUIRE(is_normal_path(every));
  policy::PatternFault fault;
  const auto pattern = policy::parse_function("http:GET /v1/" + literal_pattern(every.substr(4)), fault);
  REQUIRE(pattern.has_value());
  CHECK(policy::path_matches(pattern->path, every));
  CHECK_FALSE(policy::path_matches(pattern->path, every + "x"));
  CHECK(literal_pattern("a**b*") == "a*b*");
  CHECK(encode_path("/a b/*") == "/a%20b/%2A");
}

TEST_CASE("what normalizing would change is no normal path") {
  for (const char* path : {"", "v1", "/a/../b", "/%2e", "/a\nb", "/\xff", "/a\\b", "/100%25"}) {
    CAPTURE(path);
    CHECK_FALSE(is_normal_path(path));
  }
  for (const char* path : {"/", "//", "/a;b=1/", "/100%", "/a?b#c", "/*"}) {
    CAPTURE(path);
    CHECK(is_normal_path(path));
  }
}

TEST_CASE("text in documents is printable ASCII on one line") {
  CHECK(comment_text("a\nb\x1b[2J\xff") == "a\\x0ab\\x1b[2J\\xff");
  CHECK(comment_text(std::string(500, 'x'), 10) == "xxxxxxxxxx...");
  CHECK(yaml_text("a\"b\\c\xc3\xbc") == "\"a\\\"b\\\\c\\xfc\"");
  CHECK(yaml_text("\xf0\x9f\x98\x80") == "\"\\U0001f600\"");
  CHECK(glob_for("a\nb\n\nc") == "a*b*c");
  CHECK(glob_for(std::string(5000, 'x')).size() <= 1024);
  CHECK(label_for("User@1000.Service-") == "user-1000-service");
  CHECK(label_for("***") == "suggested");
}
