#include "policy/path.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace callgate::policy;

TEST_CASE("paths have one normal form") {
  struct Row {
    const char* raw;
    const char* normal;
  };
  const Row rows[] = {
      {"", "/"},
      {"/", "/"},
      {"*", "*"},
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b/"},
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/b/.", "/a/b/"},
      {"/a/..", "/"},
      {"/.", "/"},
      {"/./", "/"},
      {"/a/../b/../c/d", "/c/d"},
      {"/%61%62", "/ab"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/%2e/b", "/a/b"},
      {"/a%20b", "/a b"},
      {"/%C3%A9", "/\xc3\xa9"},
      {"/\xc3\xa9", "/\xc3\xa9"},
      {"/100%25", "/100%"},
      {"/a;v=1/b", "/a;v=1/b"},
      {"/a//b", "/a//b"},
      {"/...", "/..."},
      {"/..a/.b", "/..a/.b"},
      {"/a%3Fb%23c", "/a?b#c"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.raw);
    std::string storage;
    const auto path = normalize_path(row.raw, storage);
    REQUIRE(path.has_value());
    CHECK(*path == row.normal);
  }
}

TEST_CASE("a normal path is a view of the input") {
  const std::string raw = "/v1/customers/42";
  std::string storage;
  const auto path = normalize_path(raw, storage);
  REQUIRE(path.has_value());
  CHECK(path->data() == raw.data());
  CHECK(storage.capacity() == std::string().capacity());
}

TEST_CASE("what two servers may read differently is no path") {
  struct Row {
    std::string raw;
    const char* code;
  };
  const Row rows[] = {
      {"a", "bad_path"},
      {"http://x/", "bad_path"},
      {"/a?b", "bad_path"},
      {"/a#b", "bad_path"},
      {"/a b", "bad_path"},
      {"/a\tb", "bad_path"},
      {std::string("/a\0b", 4), "bad_path"},
      {"/%", "bad_path"},
      {"/%4", "bad_path"},
      {"/%zz", "bad_path"},
      {"/%c0%ae", "bad_path"},
      {"/%ff", "bad_path"},
      {"/\xff", "bad_path"},
      {"/%ed%a0%80", "bad_path"},
      {"/a\\b", "ambiguous_path"},
      {"/a%5cb", "ambiguous_path"},
      {"/a%2fb", "ambiguous_path"},
      {"/a%2Fb", "ambiguous_path"},
      {"/a%00", "ambiguous_path"},
      {"/a%0d%0a", "ambiguous_path"},
      {"/%252e%252e/a", "ambiguous_path"},
      {"/a/..;/b", "ambiguous_path"},
      {"/a/.;x/b", "ambiguous_path"},
      {"/a/%2e%2e%3b/b", "ambiguous_path"},
      {"/a//../b", "ambiguous_path"},
      {"//./b", "ambiguous_path"},
      {"/a/;x/../b", "ambiguous_path"},
      {"/..", "path_above_root"},
      {"/a/../../b", "path_above_root"},
      {"/%2e%2e/etc", "path_above_root"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.raw);
    std::string storage;
    const auto path = normalize_path(row.raw, storage);
    REQUIRE_FALSE(path.has_value());
    CHECK(path.error().code == row.code);
  }
}

TEST_CASE("the second reading drops parameters and empty segments") {
  CHECK_FALSE(has_second_reading("/a/b/"));
  CHECK_FALSE(has_second_reading("*"));
  CHECK(has_second_reading("/a;b"));
  CHECK(has_second_reading("//a"));
  CHECK(second_reading("/a;b=c/d") == "/a/d");
  CHECK(second_reading("//a///b") == "/a/b");
  CHECK(second_reading("/a//") == "/a/");
  CHECK(second_reading("/;x/a;y") == "/a");
  CHECK(second_reading("//") == "/");
}
