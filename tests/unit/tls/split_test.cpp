// However a hello comes, in records and in pieces, its reader says the same, at the same byte, for work that
// grows with its size.
#include <catch2/catch.hpp>

#include "hello_bytes.hpp"
#include "protocol/tls/client_hello.hpp"
#include "protocol/tls/server_hello.hpp"

using namespace callgate::tls;
using namespace callgate::test;

namespace {

// All of `bytes` are needed for the answer.
template <typename Reader>
auto check_all_splits(const std::string& bytes, const Reader& fresh = {}) {
  Reader whole = fresh;
  const auto expected = whole.feed(bytes);
  CHECK((expected.hello.has_value() != expected.problem.has_value()));
  CHECK(whole.size() == bytes.size());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Reader reader = fresh;
    const std::string_view text = bytes;
    const auto first = reader.feed(text.substr(0, at));
    REQUIRE_FALSE(first.hello.has_value());
    REQUIRE_FALSE(first.problem.has_value());
    REQUIRE(reader.feed(text.substr(at)) == expected);
    REQUIRE(reader.size() == bytes.size());
    REQUIRE(reader.examined() == whole.examined());
  }
  for (const std::size_t size : {1U, 2U, 3U, 5U, 64U}) {
    Reader reader = fresh;
    REQUIRE(feed_in_pieces(reader, bytes + "and more", size) == expected);
    REQUIRE(reader.size() == bytes.size());
    REQUIRE(reader.examined() == whole.examined());
  }
  CHECK(whole.examined() <= 2 * bytes.size());
  return expected;
}

}  // namespace

TEST_CASE("a client's hello is read the same however it is split") {
  const std::string sound =
      client_message(name_extension("api.test") + extension(16, block(block("h2", 1), 2)));
  const std::string malformed = client_message(name_extension("no name"));
  for (const std::size_t record : {1UL, 2UL, 3UL, 7UL, 60UL, 16384UL}) {
    CAPTURE(record);
    CHECK(check_all_splits<ClientHelloReader>(records(sound, record)).hello->server_name == "api.test");
    CHECK(check_all_splits<ClientHelloReader>(records(malformed, record)).problem->code ==
          "bad_client_hello");
  }
  check_all_splits<ClientHelloReader>("\x17\x03\x01" + number(1, 2));
  check_all_splits<ClientHelloReader>(records("\x02" + number(0, 3)));
  check_all_splits<ClientHelloReader>(records(number(1, 1) + number(70'000, 3)));
}

TEST_CASE("a server's hello is read the same however it is split") {
  const std::string warning("\x15\x03\x03\x00\x02\x01\x70", 7);
  const std::string message = server_message(extension(43, "\x03\x04"));
  for (const std::string& warnings : {std::string(), warning, warning + warning}) {
    for (const std::size_t record : {1UL, 2UL, 7UL, 16384UL}) {
      check_all_splits<ServerHelloReader>(warnings + records(message, record));
    }
    check_all_splits<ServerHelloReader>(warnings + alert_record(Alert::access_denied));
  }
}

TEST_CASE("second hellos are read the same however they are split") {
  const std::string early_data = other_record(23, "sealed");
  const ClientHello first{"api.test", {0x0303}, {}, false};
  const std::string message = client_message(name_extension("api.test"));
  for (const std::size_t size : {1UL, 7UL, 16384UL}) {
    const std::string hello = records(message, size);
    CHECK(check_all_splits(change_cipher_spec + early_data + hello, ClientHelloReader(first)).hello == first);
    check_all_splits(early_data + hello, ClientHelloReader(ClientHello{}));
    const std::string answer = change_cipher_spec + records(server_message(extension(43, "\x03\x04")), size);
    CHECK(check_all_splits(answer, ServerHelloReader({0x0304, true})).hello.has_value());
    check_all_splits(answer, ServerHelloReader({0x0305, true}));
  }
  check_all_splits<ServerHelloReader>(records(retry_message(), 7));
}

TEST_CASE("the work for a hello grows with its size, however small its records and pieces are") {
  for (const std::size_t padding : {1'000U, 10'000U}) {
    const std::string bytes =
        records(client_message(name_extension("api.test") + extension(21, std::string(padding, '\0'))), 1);
    ClientHelloReader reader;
    CHECK(feed_in_pieces(reader, bytes, 1).hello.has_value());
    CHECK(reader.examined() <= 2 * bytes.size());
  }
  // What is refused costs no more.
  const std::string bytes = records(client_message(extension(21, std::string(20'000, '\0'))), 1);
  ClientHelloReader reader;
  CHECK(feed_in_pieces(reader, bytes, 1).problem->code == "client_hello_too_large");
  CHECK(reader.size() <= largest_hello);
  CHECK(reader.examined() <= 2 * largest_hello);
}
