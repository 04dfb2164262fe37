#include "base/log.hpp"

#include <catch2/catch.hpp>

using namespace callgate;

TEST_CASE("a log line is one line whatever its values hold") {
  CHECK(format_log_line("opened", {{"id", "7"}, {"name", "a b"}}) == "opened id=7 name=\"a b\"");
  CHECK(format_log_line("bad", {{"text", "a\nb\"c\x1b"}}) == "bad text=\"a\\x0ab\\\"c\\x1b\"");
  CHECK(format_log_line("none", {{"text", ""}}) == "none text=\"\"");
}
