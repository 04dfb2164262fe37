#include "identity/spiffe_id.hpp"

#include <catch2/catch.hpp>

using callgate::identity::SpiffeId;

TEST_CASE("a SPIFFE ID is split into trust domain and path") {
  const auto id = SpiffeId::parse("spiffe://prod.example-1_x/ns/Pay/sa/api_v1.2");
  REQUIRE(id.has_value());
  CHECK(id->trust_domain() == "prod.example-1_x");
  CHECK(id->path() == "/ns/Pay/sa/api_v1.2");
  CHECK(id->text() == "spiffe://prod.example-1_x/ns/Pay/sa/api_v1.2");
}

TEST_CASE("the ID of a trust domain has no path") {
  const auto parsed = SpiffeId::parse("spiffe://prod");
  const auto made = SpiffeId::of_trust_domain("prod");
  REQUIRE(parsed.has_value());
  REQUIRE(made.has_value());
  CHECK(parsed->path().empty());
  CHECK(*parsed == *made);
}

TEST_CASE("what is no SPIFFE ID is refused") {
  for (const std::string text : {"",
                                 "spiffe",
                                 "spiffe:",
                                 "spiffe:/",
                                 "spiffe://",
                                 "spiffe:///a",
                                 "Spiffe://prod/a",
                                 "SPIFFE://prod/a",
                                 "spiffe://Prod/a",
                                 "spiffe://prod/",
                                 "spiffe://prod//a",
                                 "spiffe://prod/a/",
                                 "spiffe://prod/a//b",
                                 "spiffe://prod/.",
                                 "spiffe://prod/..",
                                 "spiffe://prod/a/../b",
                                 "spiffe://prod:80/a",
                                 "spiffe://u@prod/a",
                                 "spiffe://pr%6fd/a",
                                 "spiffe://prod/%61",
                                 "spiffe://prod/a?b",
                                 "spiffe://prod/a#b",
                                 "spiffe://prod?a",
                                 "spiffe://prod/a b",
                                 "spiffe://pröd/a",
                                 "spiffe://prod/ä",
                                 "https://prod/a",
                                 " spiffe://prod/a",
                                 "spiffe://prod/a ",
                                 "spiffe://prod/a\n",
                                 "spiffe://[::1]/a",
                                 "spiffe://prod/~a",
                                 "spiffe://prod/a:b"}) {
    INFO(text);
    const auto id = SpiffeId::parse(text);
    REQUIRE_FALSE(id.has_value());
    CHECK(id.error().code == "bad_spiffe_id");
  }
  CHECK_FALSE(SpiffeId::parse(std::string("spiffe://prod/a\0b", 17)).has_value());
  CHECK_FALSE(SpiffeId::of_trust_domain("prod/a").has_value());
}

TEST_CASE("sizes end where the specification says") {
  CHECK(SpiffeId::parse("spiffe://" + std::string(255, 'a') + "/b").has_value());
  CHECK_FALSE(SpiffeId::parse("spiffe://" + std::string(256, 'a') + "/b").has_value());
  CHECK(SpiffeId::parse("spiffe://a/" + std::string(2048 - 11, 'b')).has_value());
  CHECK_FALSE(SpiffeId::parse("spiffe://a/" + std::string(2048 - 10, 'b')).has_value());
}

TEST_CASE("upper case in a trust domain is refused with advice") {
  const auto id = SpiffeId::parse("spiffe://Prod/a");
  REQUIRE_FALSE(id.has_value());
  CHECK(id.error().message.find("lower case") != std::string::npos);
}
