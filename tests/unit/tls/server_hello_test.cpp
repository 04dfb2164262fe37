#include "protocol/tls/server_hello.hpp"

#include <catch2/catch.hpp>

#include "hello_bytes.hpp"
#include "protocol/tls/version.hpp"

using namespace callgate::tls;
using namespace callgate::test;

namespace {

const std::string versions_1_3 = extension(43, "\x03\x04");
const std::string warning("\x15\x03\x03\x00\x02\x01\x70", 7);

Read<ServerHello> read(std::string_view bytes) {
  return ServerHelloReader().feed(bytes);
}

std::uint16_t version_of(std::string_view bytes) {
  const auto answer = read(bytes);
  REQUIRE(answer.hello.has_value());
  CHECK_FALSE(answer.problem.has_value());
  return answer.hello->version;
}

void check_refused(std::string_view bytes) {
  const auto answer = read(bytes);
  CHECK_FALSE(answer.hello.has_value());
  REQUIRE(answer.problem.has_value());
  CHECK(answer.problem->code == "bad_server_hello");
}

}  // namespace

TEST_CASE("a server's hello tells the version that was chosen") {
  CHECK(version_of(records(server_message(versions_1_3))) == version_1_3);
  CHECK(version_of(records(server_message(""))) == version_1_2);
  CHECK(version_of(records(server_message("", 0x0301))) == 0x0301);
  check_refused("220 welcome");
  check_refused(records(server_message(extension(43, "\x03"))));
  check_refused(records(client_message("")));
}

TEST_CASE("a server's hello that could be taken for two versions is refused") {
  check_refused(records(server_message("", 0x0304)));
  check_refused(records(server_message(versions_1_3, 0x0301)));
  check_refused(records(server_message(versions_1_3, 0x0304)));
  check_refused(records(server_message(extension(43, "\x03\x03"))));
}

TEST_CASE("a fatal alert stands in a server's hello's place") {
  CHECK(version_of(alert_record(Alert::access_denied)) == 0);
  CHECK(read(alert_record(Alert::access_denied).substr(0, 6)) == Read<ServerHello>{});
  check_refused(std::string("\x15\x02\x00\x00\x02", 5));
}

TEST_CASE("a server's hello may share its record with what follows") {
  CHECK(version_of(records(server_message("") + "the certificate")) == version_1_2);
}

TEST_CASE("a server's hello that is too large is refused as soon as that is known") {
  check_refused(records(number(2, 1) + number(70'000, 3)));
}

TEST_CASE("warnings before a server's hello hide nothing of it") {
  const std::string hello = records(server_message(""));
  std::string warnings;
  for (int count = 0; count <= 5; ++count) {
    CHECK(version_of(warnings + hello) == version_1_2);
    CHECK(version_of(warnings + alert_record(Alert::access_denied)) == 0);
    warnings += warning;
  }
  check_refused(warnings + hello);                                                     // six are too many
  for (const std::string& alert : {std::string("\x15\x03\x03\x00\x02\x03\x70", 7),     // no level
                                   std::string("\x15\x03\x03\x00\x00", 5),             // empty
                                   std::string("\x15\x03\x03\x00\x01\x01", 6),         // a part of one
                                   std::string("\x15\x03\x03\x00\x04\x01\x70", 7)}) {  // two in one
    check_refused(alert + hello);
  }
  // None may come in the middle of it.
  const std::string message = server_message("");
  check_refused(records(message.substr(0, 9)) + warning + records(message.substr(9)));
}
