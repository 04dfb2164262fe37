#include "protocol/tls/client_hello.hpp"

#include <algorithm>

#include "base/address.hpp"
#include "protocol/tls/cursor.hpp"
#include "protocol/tls/extensions.hpp"
#include "protocol/tls/version.hpp"

namespace callgate::tls {
namespace {

constexpr std::uint64_t server_name_extension = 0;
constexpr std::uint64_t protocols_extension = 16;
constexpr std::uint64_t encrypted_hello_extension = 0xfe0d;

constexpr MessageReader::Rules first_rules{
    1,
    {"bad_client_hello", "the caller's ClientHello is not well-formed", Alert::decode_error},
    {"client_hello_too_large", "the caller's ClientHello is larger than 64 KiB", Alert::decode_error}};

constexpr MessageReader::Rules second_rules{
    1,
    {"bad_client_hello", "the caller answers a HelloRetryRequest with no well-formed ClientHello",
     Alert::decode_error},
    {"client_hello_too_large",
     "the caller's second ClientHello, with what comes before it, is larger than 64 KiB",
     Alert::decode_error},
    false,
    true,
    true};

constexpr Problem changed{"client_hello_changed",
                          "the caller's second ClientHello offers something else than its first",
                          Alert::illegal_parameter};

// RFC 8701.
bool is_grease(std::uint64_t value) {
  return (value & 0x0f0fU) == 0x0a0aU && (value >> 8U) == (value & 0xffU);
}

bool is_name(std::string_view name) {
  constexpr std::size_t longest = 253;
  if (name.empty() || name.size() > longest || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                              c == '.';
                     }) &&
         name.find("..") == std::string_view::npos;
}

// RFC 6066 section 3. One list, one name in it, and that a host's name.
bool read_server_name(std::string_view extension, ClientHello& hello) {
  Cursor cursor(extension);
  Cursor list(cursor.block(2));
  if (!cursor.at_end()) return false;
  const std::uint64_t type = list.number(1);
  const std::string_view name = list.block(2);
  if (!list.at_end() || type != 0) return false;
  hello.server_name.assign(name);
  for (char& c : hello.server_name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (hello.server_name.ends_with('.')) hello.server_name.pop_back();
  return is_name(hello.server_name) && !parse_address(hello.server_name);
}

bool read_versions(std::string_view extension, ClientHello& hello) {
  Cursor cursor(extension);
  Cursor list(cursor.block(1));
  if (!cursor.at_end() || list.at_end()) return false;
  hello.versions.clear();
  while (!list.at_end()) {
    const std::uint64_t version = list.number(2);
    if (list.failed()) return false;
    if (!is_grease(version)) hello.versions.push_back(static_cast<std::uint16_t>(version));
  }
  return true;
}

bool read_protocols(std::string_view extension, ClientHello& hello) {
  Cursor cursor(extension);
  Cursor list(cursor.block(2));
  if (!cursor.at_end() || list.at_end()) return false;
  while (!list.at_end()) {
    const std::string_view protocol = list.block(1);
    if (list.failed() || protocol.empty()) return false;
    const bool grease = protocol.size() == 2 && is_grease(Cursor(protocol).number(2));
    if (!grease) hello.protocols.emplace_back(protocol);
  }
  return true;
}

bool read_extension(std::uint64_t type, std::string_view content, ClientHello& hello) {
  switch (type) {
    case server_name_extension:
      return read_server_name(content, hello);
    case protocols_extension:
      return read_protocols(content, hello);
    case versions_extension:
      return read_versions(content, hello);
    case encrypted_hello_extension:
      hello.encrypted_client_hello = true;
      return true;
    default:
      return true;
  }
}

bool read_hello(std::string_view body, ClientHello& hello) {
  constexpr std::size_t random_size = 32;
  Cursor cursor(body);
  const std::uint64_t legacy_version = cursor.number(2);
  // RFC 8446 section 4.2.1: without supported_versions it is an offer of TLS 1.2 at most, whatever it says.
  hello.versions.push_back(static_cast<std::uint16_t>(std::min<std::uint64_t>(legacy_version, version_1_2)));
  cursor.take(random_size);
  cursor.block(1);                                     // session id
  const std::size_t suites = cursor.block(2).size();   // cipher suites
  const std::size_t methods = cursor.block(1).size();  // compression methods
  return !cursor.failed() && suites >= 2 && suites % 2 == 0 && methods >= 1 && (legacy_version >> 8U) == 3 &&
         each_extension(cursor, [&](std::uint64_t type, std::string_view content) {
           return read_extension(type, content, hello);
         });
}

}  // namespace

std::uint16_t ClientHello::highest_version() const {
  const auto highest = std::max_element(versions.begin(), versions.end());
  return highest == versions.end() ? std::uint16_t{0} : *highest;
}

ClientHelloReader::ClientHelloReader() : message_(first_rules) {}

ClientHelloReader::ClientHelloReader(const ClientHello& first) : message_(second_rules), first_(&first) {}

Read<ClientHello> ClientHelloReader::feed(std::string_view bytes) {
  Read<ClientHello> read;
  const MessageReader::State state = message_.feed(bytes);
  if (state == MessageReader::State::invalid) read.problem = message_.problem();
  if (state != MessageReader::State::complete) return read;
  ClientHello hello;
  // What a client sends behind its hello waits for the answer. A second hello in the same record would be
  // taken by a server that asks for one, and nobody here would have read it.
  if (!read_hello(message_.take_body(), hello) || message_.record_goes_on()) {
    read.problem = message_.rules().malformed;
  } else if (first_ != nullptr && hello != *first_) {
    // RFC 8446 section 4.1.2: the name that was decided, and all that was recorded, is what the target hears.
    read.problem = changed;
  } else {
    read.hello = std::move(hello);
  }
  return read;
}

}  // namespace callgate::tls
