// Handshakes in which the server asks for a second ClientHello.
#include <catch2/catch.hpp>

#include "hello_bytes.hpp"
#include "protocol/tls/client_hello.hpp"
#include "protocol/tls/server_hello.hpp"
#include "protocol/tls/version.hpp"

using namespace callgate::tls;
using namespace callgate::test;

namespace {

const std::string versions_1_3 = extension(43, "\x03\x04");
const std::string early_data = other_record(23, "sealed");

std::string offer(const std::string& name = "a.test", const std::string& versions = "\x03\x04\x03\x03",
                  const std::string& protocol = "h2", const std::string& more = {}) {
  return name_extension(name) + extension(43, block(versions, 1)) +
         extension(16, block(block(protocol, 1), 2)) + more;
}

// The answer to a second ClientHello, after a HelloRetryRequest of TLS 1.3.
Read<ServerHello> second_answer(std::string_view bytes) {
  return ServerHelloReader(ServerHello{version_1_3, true}).feed(bytes);
}

void check_answer_refused(std::string_view bytes, Alert alert = Alert::decode_error) {
  const auto read = second_answer(bytes);
  CHECK_FALSE(read.hello.has_value());
  REQUIRE(read.problem.has_value());
  CHECK(read.problem->code == "bad_server_hello");
  CHECK(read.problem->alert == alert);
}

// A second ClientHello, after one with offer().
Read<ClientHello> second_hello(std::string_view bytes) {
  const auto first = ClientHelloReader().feed(records(client_message(offer())));
  return ClientHelloReader(first.hello.value()).feed(bytes);
}

std::string_view refusal_of(std::string_view bytes) {
  const auto read = second_hello(bytes);
  CHECK_FALSE(read.hello.has_value());
  REQUIRE(read.problem.has_value());
  return read.problem->code;
}

}  // namespace

TEST_CASE("a server's wish for a second hello is not its choice") {
  const std::string request = records(retry_message());
  ServerHelloReader reader;
  const auto read = reader.feed(request + change_cipher_spec);
  REQUIRE(read.hello.has_value());
  CHECK(read.hello->retry);
  CHECK(read.hello->version == version_1_3);
  CHECK(reader.size() == request.size());
  CHECK_FALSE(ServerHelloReader().feed(records(server_message(versions_1_3))).hello->retry);
}

TEST_CASE("only TLS 1.3 asks for a second hello, and nothing follows until it is there") {
  for (const std::string& message :
       {retry_message(""), retry_message(extension(43, "\x03\x03")), retry_message(versions_1_3, 0x0304),
        retry_message() + "more", retry_message() + server_message(versions_1_3)}) {
    CHECK(ServerHelloReader().feed(records(message)).problem->code == "bad_server_hello");
  }
}

TEST_CASE("the answer to a second hello keeps the version that was promised") {
  const std::string answer = records(server_message(versions_1_3) + "sealed");
  CHECK(second_answer(answer).hello->version == version_1_3);
  CHECK_FALSE(second_answer(answer).hello->retry);
  CHECK(second_answer(alert_record(Alert::handshake_failure)).hello->version == 0);
  check_answer_refused(records(server_message("")), Alert::illegal_parameter);
  check_answer_refused(records(server_message(extension(43, "\x03\x05"))), Alert::illegal_parameter);
  check_answer_refused(records(retry_message()), Alert::unexpected_message);
}

TEST_CASE("one ChangeCipherSpec may come before the answer to a second hello, and nowhere else") {
  const std::string message = server_message(versions_1_3);
  CHECK(second_answer(change_cipher_spec + records(message)).hello->version == version_1_3);
  CHECK(second_answer(change_cipher_spec + alert_record(Alert::handshake_failure)).hello->version == 0);
  check_answer_refused(change_cipher_spec + change_cipher_spec + records(message));
  check_answer_refused(other_record(20, "\x02") + records(message));
  check_answer_refused(other_record(20, "\x01\x01") + records(message));
  check_answer_refused(other_record(20, "") + records(message));
  check_answer_refused(records(message.substr(0, 9)) + change_cipher_spec + records(message.substr(9)));
  check_answer_refused(early_data + records(message));
  CHECK(ServerHelloReader().feed(change_cipher_spec + records(message)).problem.has_value());
  CHECK(ServerHelloReader().feed(change_cipher_spec + records(retry_message())).problem.has_value());
}

TEST_CASE("a second hello that offers the same is taken, whatever else is new in it") {
  const std::string hello =
      records(client_message(offer("A.test", "\x03\x04\x03\x03", "h2", extension(44, "cookie"))));
  CHECK(second_hello(hello).hello->server_name == "a.test");
  CHECK(second_hello(change_cipher_spec + hello).hello.has_value());
  CHECK(second_hello(early_data + early_data + hello).hello.has_value());
  CHECK(second_hello(change_cipher_spec + early_data + hello).hello.has_value());
}

TEST_CASE("a second hello that offers something else is refused") {
  for (const std::string& extensions :
       {offer("b.test"), offer("a.test", "\x03\x04"), offer("a.test", "\x03\x04\x03\x03", "h3"),
        offer("a.test", "\x03\x04\x03\x03", "h2", extension(0xfe0d, "sealed")), std::string()}) {
    CHECK(refusal_of(records(client_message(extensions))) == "client_hello_changed");
  }
}

TEST_CASE("what is no second hello is refused") {
  const std::string message = client_message(offer());
  for (const std::string& bytes :
       {alert_record(Alert::handshake_failure), records(server_message("")),
        change_cipher_spec + change_cipher_spec + records(message),
        records(message.substr(0, 9)) + early_data + records(message.substr(9)),
        other_record(23, "") + records(message),
        other_record(23, std::string(16'641, 'x')) + records(message), records(message + message)}) {
    CHECK(refusal_of(bytes) == "bad_client_hello");
  }
  std::string too_much;
  for (int count = 0; count < 5; ++count)
    too_much += other_record(23, std::string(16'384, 'x'));
  CHECK(refusal_of(too_much + records(message)) == "client_hello_too_large");
}

TEST_CASE("nothing comes before a first hello, or beside it in its record") {
  const std::string message = client_message(offer());
  for (const std::string& bytes : {change_cipher_spec + records(message), early_data + records(message),
                                   records(message + message), records(message + "x")}) {
    CHECK(ClientHelloReader().feed(bytes).problem->code == "bad_client_hello");
  }
  ClientHelloReader reader;
  CHECK(reader.feed(records(message) + records(message)).hello.has_value());
  CHECK(reader.size() == records(message).size());
}
