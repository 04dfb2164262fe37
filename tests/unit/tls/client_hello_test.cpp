#include "protocol/tls/client_hello.hpp"

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include "hello_bytes.hpp"
#include "protocol/tls/version.hpp"
#include "real_hello.hpp"

using namespace callgate::tls;
using namespace callgate::test;

namespace {

Read<ClientHello> read(std::string_view bytes) {
  return ClientHelloReader().feed(bytes);
}

ClientHello hello_of(const std::string& bytes) {
  const auto answer = read(bytes);
  REQUIRE(answer.hello.has_value());
  CHECK_FALSE(answer.problem.has_value());
  return *answer.hello;
}

void check_refused(const std::string& bytes, std::string_view code = "bad_client_hello") {
  const auto answer = read(bytes);
  CHECK_FALSE(answer.hello.has_value());
  REQUIRE(answer.problem.has_value());
  CHECK(answer.problem->code == code);
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

TEST_CASE("TLS 1.3 is offered in supported_versions only") {
  for (const std::uint64_t legacy_version : {0x0303U, 0x0304U, 0x0305U, 0x03ffU}) {
    CAPTURE(legacy_version);
    CHECK(hello_of(records(client_message("", legacy_version))).versions ==
          std::vector<std::uint16_t>{version_1_2});
    const std::string offer = extension(43, block("\x03\x04\x03\x02", 1));
    CHECK(hello_of(records(client_message(offer, legacy_version))).versions ==
          std::vector<std::uint16_t>{version_1_3, 0x0302});
  }
  CHECK(hello_of(records(client_message("", 0x0301))).highest_version() == 0x0301);
  // An offer of nothing is none.
  CHECK(hello_of(records(client_message(extension(43, block("\x8a\x8a", 1))))).highest_version() == 0);
}

TEST_CASE("GREASE is no offer, and ECH is seen") {
  const std::string versions = extension(43, block("\x8a\x8a\x03\x04\x03\x03", 1));
  const std::string protocols = extension(16, block(block("\xca\xca", 1) + block("h2", 1), 2));
  const ClientHello hello =
      hello_of(records(client_message(extension(0x1a1a, "") + name_extension("outer.test") + versions +
                                      protocols + extension(0xfe0d, "sealed"))));
  CHECK(hello.versions == std::vector<std::uint16_t>{0x0304, 0x0303});
  CHECK(hello.protocols == std::vector<std::string>{"h2"});
  CHECK(hello.encrypted_client_hello);
  CHECK(hello.server_name == "outer.test");
}

TEST_CASE("names are brought to one form, and what is no name is refused") {
  CHECK(hello_of(records(client_message(name_extension("A.Test.")))).server_name == "a.test");
  for (const std::string& name : {std::string(), std::string("."), std::string("192.0.2.1"),
                                  std::string("2001:db8::1"), std::string("a b"), std::string("a\0b", 3),
                                  std::string("a..b"), std::string(300, 'a'), std::string("\xc3\xa9.test")}) {
    CAPTURE(name);
    check_refused(records(client_message(name_extension(name))));
  }
}

TEST_CASE("what is not well-formed is refused") {
  const std::string name = name_extension("a.test");
  const std::string two = block(number(0, 1) + block("a.test", 2) + number(0, 1) + block("b.test", 2), 2);
  check_refused(records(client_message(name + name_extension("b.test"))));                 // two extensions
  check_refused(records(client_message(extension(0, two))));                               // two names in one
  check_refused(records(client_message(extension(0, block("\x01" + block("x", 2), 2)))));  // no host's name
  check_refused(records(client_message(extension(43, block("", 1)))));
  check_refused(records(client_message(extension(43, block("\x03", 1)))));
  check_refused(records(client_message(extension(16, block(block("", 1), 2)))));
  check_refused(records(client_message(name + "x")));
  check_refused(records(client_message(name, 0x0203)));
  check_refused(records(number(2, 1) + client_message(name).substr(1)));
  check_refused("\x16\x03\x01" + number(0, 2) + records(client_message(name)));
  check_refused("\x17\x03\x01" + number(1, 2) + "x");
  check_refused("\x16\x02\x01" + number(1, 2) + "x");
  check_refused("\x16\x03\x01" + number(16385, 2) + "x");
  const std::string sound = client_message(name);
  for (std::size_t size = 5; size < sound.size(); ++size) {
    // The message says that it ends earlier than its content does.
    std::string cut = sound.substr(0, size);
    cut.replace(1, 3, number(size - 4, 3));
    const auto cut_read = read(records(cut));
    // Without extensions it is an old client's hello.
    if (size != sound.size() - name.size() - 2) CHECK_FALSE(cut_read.hello.has_value());
  }
}

TEST_CASE("a hello that is too large is refused as soon as that is known") {
  std::string handshake = number(1, 1) + number(70'000, 3);
  check_refused(records(handshake), "client_hello_too_large");
  // Many small records are no way around.
  handshake = client_message(extension(21, std::string(20'000, '\0')));
  check_refused(records(handshake, 1), "client_hello_too_large");
  CHECK(read(records(handshake)).hello.has_value());
}
