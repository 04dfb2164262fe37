#include "cli/exit_code.hpp"

#include <catch2/catch.hpp>

using namespace callgate;
using namespace callgate::cli;

TEST_CASE("errors end the command with the documented status") {
  CHECK(exit_code_for({"bad_name", ""}) == 2);
  CHECK(exit_code_for({"agent_unreachable", ""}) == 3);
  CHECK(exit_code_for({"denied", ""}) == 4);
  CHECK(exit_code_for({"refused", ""}) == 4);
  CHECK(exit_code_for({"not_found", ""}) == 5);
  CHECK(exit_code_for({"something_else", ""}) == 1);
}
