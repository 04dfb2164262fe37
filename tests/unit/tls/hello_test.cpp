#include "protocol/tls/hello.hpp"

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include "real_hello.hpp"

using namespace callgate::tls;
using callgate::test::real_hello;

namespace {

std::string number(std::uint64_t value, int size) {
  std::string text;
  for (int at = size - 1; at >= 0; --at)
    text += static_cast<char>(value >> (8 * static_cast<unsigned>(at)));
  return text;
}

std::string block(const std::string& content, int length_size) {
  return number(content.size(), length_size) + content;
}

std::string extension(std::uint64_t type, const std::string& content) {
  return number(type, 2) + block(content, 2);
}

std::string name_extension(const std::string& name) {
  return extension(0, block(number(0, 1) + block(name, 2), 2));
}

std::string message(const std::string& extensions, std::uint64_t legacy_version = 0x0303) {
  return number(1, 1) +
         block(number(legacy_version, 2) + std::string(32, 'r') + block("session", 1) +
                   block("\x13\x01\x13\x02", 2) + block(std::string(1, '\0'), 1) + block(extensions, 2),
               3);
}

// In records of at most `size` bytes.
std::string records(const std::string& handshake, std::size_t size = 16384) {
  std::string text;
  for (std::size_t at = 0; at < handshake.size(); at += size)
    text += std::string("\x16\x03\x01") + block(handshake.substr(at, size), 2);
  return text;
}

ClientHello hello_of(const std::string& bytes) {
  auto read = read_client_hello(bytes);
  REQUIRE(read.hello.has_value());
  CHECK_FALSE(read.problem.has_value());
  return *read.hello;
}

void check_refused(const std::string& bytes, std::string_view code = "bad_client_hello") {
  const auto read = read_client_hello(bytes);
  CHECK_FALSE(read.hello.has_value());
  REQUIRE(read.problem.has_value());
  CHECK(read.problem->code == code);
}

}  // namespace

TEST_CASE("a real client's hello tells its name, versions and protocols") {
  const std::string bytes = real_hello([](SSL* ssl) {
    SSL_set_tlsext_host_name(ssl, "API.Example.Test");
    SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
    const unsigned char protocols[] = "\x02h2\x08http/1.1";
    SSL_set_alpn_protos(ssl, protocols, sizeof(protocols) - 1);
  });
  const ClientHello hello = hello_of(bytes);
  CHECK(hello.server_name == "api.example.test");
  CHECK(hello.versions == std::vector<std::uint16_t>{0x0304, 0x0303});
  CHECK(hello.highest_version() == version_1_3);
  CHECK(hello.protocols == std::vector<std::string>{"h2", "http/1.1"});
  CHECK_FALSE(hello.encrypted_client_hello);
}

TEST_CASE("a real client without a name, and with nothing newer than TLS 1.2") {
  const ClientHello hello =
      hello_of(real_hello([](SSL* ssl) { SSL_set_max_proto_version(ssl, TLS1_2_VERSION); }));
  CHECK(hello.server_name.empty());
  CHECK(hello.highest_version() == version_1_2);
}

TEST_CASE("a hello is read the same however it is split") {
  const std::string handshake = message(name_extension("api.test") + extension(16, block(block("h2", 1), 2)));
  for (const std::size_t record : {1UL, 2UL, 3UL, 7UL, 60UL, 16384UL}) {
    const std::string bytes = records(handshake, record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto read = read_client_hello(std::string_view(bytes).substr(0, size));
      CHECK_FALSE(read.problem.has_value());
      CHECK_FALSE(read.hello.has_value());
      REQUIRE(read.needed > size);
      REQUIRE(read.needed <= bytes.size());
    }
    CHECK(hello_of(bytes + "and more").server_name == "api.test");
  }
}

TEST_CASE("GREASE is no offer, and ECH is seen") {
  const std::string versions = extension(43, block("\x8a\x8a\x03\x04\x03\x03", 1));
  const std::string protocols = extension(16, block(block("\xca\xca", 1) + block("h2", 1), 2));
  const ClientHello hello = hello_of(records(message(extension(0x1a1a, "") + name_extension("outer.test") +
                                                     versions + protocols + extension(0xfe0d, "sealed"))));
  CHECK(hello.versions == std::vector<std::uint16_t>{0x0304, 0x0303});
  CHECK(hello.protocols == std::vector<std::string>{"h2"});
  CHECK(hello.encrypted_client_hello);
  CHECK(hello.server_name == "outer.test");
}

TEST_CASE("names are brought to one form, and what is no name is refused") {
  CHECK(hello_of(records(message(name_extension("A.Test.")))).server_name == "a.test");
  for (const std::string& name : {std::string(), std::string("."), std::string("192.0.2.1"),
                                  std::string("2001:db8::1"), std::string("a b"), std::string("a\0b", 3),
                                  std::string("a..b"), std::string(300, 'a'), std::string("\xc3\xa9.test")}) {
    CAPTURE(name);
    check_refused(records(message(name_extension(name))));
  }
}

TEST_CASE("what is not well-formed is refused") {
  const std::string name = name_extension("a.test");
  const std::string two = block(number(0, 1) + block("a.test", 2) + number(0, 1) + block("b.test", 2), 2);
  check_refused(records(message(name + name_extension("b.test"))));                 // two extensions
  check_refused(records(message(extension(0, two))));                               // two names in one
  check_refused(records(message(extension(0, block("\x01" + block("x", 2), 2)))));  // no host's name
  check_refused(records(message(extension(43, block("", 1)))));
  check_refused(records(message(extension(43, block("\x03", 1)))));
  check_refused(records(message(extension(16, block(block("", 1), 2)))));
  check_refused(records(message(name + "x")));
  check_refused(records(message(name, 0x0203)));
  check_refused(records(number(2, 1) + message(name).substr(1)));
  check_refused("\x16\x03\x01" + number(0, 2) + records(message(name)));
  check_refused("\x17\x03\x01" + number(1, 2) + "x");
  check_refused("\x16\x02\x01" + number(1, 2) + "x");
  check_refused("\x16\x03\x01" + number(16385, 2) + "x");
  const std::string sound = message(name);
  for (std::size_t size = 5; size < sound.size(); ++size) {
    // The message says that it ends earlier than its content does.
    std::string cut = sound.substr(0, size);
    cut.replace(1, 3, number(size - 4, 3));
    const auto read = read_client_hello(records(cut));
    // Without extensions it is an old client's hello.
    if (size != sound.size() - name.size() - 2) CHECK_FALSE(read.hello.has_value());
  }
}

TEST_CASE("a hello that is too large is refused as soon as that is known") {
  std::string handshake = number(1, 1) + number(70'000, 3);
  check_refused(records(handshake), "client_hello_too_large");
  // Many small records are no way around.
  handshake = message(extension(21, std::string(20'000, '\0')));
  check_refused(records(handshake, 1), "client_hello_too_large");
  CHECK(read_client_hello(records(handshake)).hello.has_value());
}

TEST_CASE("a server's hello tells the version that was chosen") {
  const auto server = [](const std::string& extensions, std::uint64_t version = 0x0303) {
    return records(number(2, 1) + block(number(version, 2) + std::string(32, 'r') + block("session", 1) +
                                            "\x13\x01" + std::string(1, '\0') + block(extensions, 2),
                                        3));
  };
  CHECK(read_server_hello(server(extension(43, "\x03\x04"))).hello->version == version_1_3);
  CHECK(read_server_hello(server("")).hello->version == version_1_2);
  CHECK(read_server_hello(server("", 0x0301)).hello->version == 0x0301);
  CHECK(read_server_hello(alert_record(Alert::access_denied)).hello->version == 0);
  CHECK(read_server_hello(std::string("\x15\x02\x00\x00\x02", 5)).problem.has_value());
  CHECK(read_server_hello(alert_record(Alert::access_denied).substr(0, 6)).needed == 7);
  CHECK(read_server_hello("220 welcome").problem->code == "bad_server_hello");
  CHECK(read_server_hello(server(extension(43, "\x03"))).problem.has_value());
  const std::string bytes = server(extension(43, "\x03\x04"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = read_server_hello(std::string_view(bytes).substr(0, size));
    CHECK_FALSE(read.problem.has_value());
    CHECK_FALSE(read.hello.has_value());
    CHECK(read.needed > size);
  }
}

TEST_CASE("warnings before a server's hello hide nothing of it") {
  const std::string hello =
      records(number(2, 1) + block(number(0x0303, 2) + std::string(32, 'r') + block("session", 1) +
                                       "\x13\x01" + std::string(1, '\0'),
                                   3));
  const std::string warning("\x15\x03\x03\x00\x02\x01\x70", 7);
  std::string warnings;
  for (int count = 0; count <= 5; ++count) {
    const std::string bytes = warnings + hello;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto read = read_server_hello(std::string_view(bytes).substr(0, size));
      CHECK_FALSE(read.problem.has_value());
      CHECK_FALSE(read.hello.has_value());
      REQUIRE(read.needed > size);
      REQUIRE(read.needed <= bytes.size());
    }
    REQUIRE(read_server_hello(bytes).hello.has_value());
    CHECK(read_server_hello(bytes).hello->version == version_1_2);
    CHECK(read_server_hello(warnings + alert_record(Alert::access_denied)).hello->version == 0);
    warnings += warning;
  }
  CHECK(read_server_hello(warnings + hello).problem->code == "bad_server_hello");      // six are too many
  for (const std::string& alert : {std::string("\x15\x03\x03\x00\x02\x03\x70", 7),     // no level
                                   std::string("\x15\x03\x03\x00\x00", 5),             // empty
                                   std::string("\x15\x03\x03\x00\x01\x01", 6),         // a part of one
                                   std::string("\x15\x03\x03\x00\x04\x01\x70", 7)}) {  // two in one
    CHECK(read_server_hello(alert + hello).problem.has_value());
  }
}

TEST_CASE("versions have names, and alerts are records") {
  CHECK(version_name(0x0304) == "TLSv1.3");
  CHECK(version_name(0x0300) == "SSLv3");
  CHECK(version_name(0x7f1c) == "0x7f1c");
  CHECK(alert_record(Alert::access_denied) == std::string("\x15\x03\x03\x00\x02\x02\x31", 7));
}
