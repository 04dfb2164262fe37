#include "cli/cursor_file.hpp"

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "command_run.hpp"

using namespace callgate::cli;

TEST_CASE("a place is kept from one command to the next") {
  const testing::Directory directory;
  const auto path = directory.path + "/cursor";
  {
    auto file = CursorFile::open(path);
    REQUIRE(file.has_value());
    CHECK(file->cursor().empty());
    CHECK(file->keep("18446744073709551615.100"));
    CHECK(file->keep("7"));
  }
  auto file = CursorFile::open(path);
  REQUIRE(file.has_value());
  CHECK(file->cursor() == "7");
}

TEST_CASE("two commands do not share a place") {
  const testing::Directory directory;
  const auto path = directory.path + "/cursor";
  {
    auto first = CursorFile::open(path);
    REQUIRE(first.has_value());
    CHECK(CursorFile::open(path).error().code == "busy");
  }
  CHECK(CursorFile::open(path).has_value());
}

TEST_CASE("a file that is no cursor file is left alone") {
  const testing::Directory directory;
  for (const std::string text :
       {"x", "callgate cursor 7\n", "# a configuration\nof something else, and longer than a cursor is\n"}) {
    const auto path = directory.write("other", text);
    CHECK(CursorFile::open(path).error().code == "invalid");
    std::ifstream in(path);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == text);
  }
  CHECK(CursorFile::open(directory.path).has_error());
}

TEST_CASE("what is no cursor is not kept") {
  const testing::Directory directory;
  auto file = CursorFile::open(directory.path + "/cursor");
  REQUIRE(file.has_value());
  for (const std::string& cursor :
       {std::string(), std::string("1 2"), std::string("1\n"), std::string(48, '1')})
    CHECK(file->keep(cursor).error().code == "internal");
}
