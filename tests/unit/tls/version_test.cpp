#include "protocol/tls/version.hpp"

#include <catch2/catch.hpp>

#include "protocol/tls/alert.hpp"

using namespace callgate::tls;

TEST_CASE("versions have names, and alerts are records") {
  CHECK(version_name(0x0304) == "TLSv1.3");
  CHECK(version_name(0x0300) == "SSLv3");
  CHECK(version_name(0x7f1c) == "0x7f1c");
  CHECK(alert_record(Alert::access_denied) == std::string("\x15\x03\x03\x00\x02\x02\x31", 7));
}
