#include "protocol/http1/characters.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace callgate::http1 {
namespace {

TEST_CASE("Names are compared without regard to case, in every place and for every byte") {
  for (const std::size_t place : {0U, 5U, 7U, 8U, 10U}) {
    std::string a = "Keep-Aliv\x80z";
    std::string b = "kEEP-aLIV\x80Z";
    REQUIRE(equals_ignoring_case(a, b));
    bool right = true;
    for (int first = 0; first < 256; ++first) {
      for (int second = 0; second < 256; ++second) {
        a[place] = static_cast<char>(first);
        b[place] = static_cast<char>(second);
        right = right && equals_ignoring_case(a, b) == (lower(a[place]) == lower(b[place]));
      }
    }
    CHECK(right);
  }
  CHECK_FALSE(equals_ignoring_case("content-length", "content-lengt"));
  CHECK(equals_ignoring_case("", ""));
}

}  // namespace
}  // namespace callgate::http1
