#include "protocol/tls/server_hello.hpp"

#include <optional>

#include "protocol/tls/cursor.hpp"
#include "protocol/tls/extensions.hpp"
#include "protocol/tls/version.hpp"

namespace callgate::tls {
namespace {

constexpr MessageReader::Rules first_rules{
    2,
    {"bad_server_hello", "the target's ServerHello is not well-formed", Alert::decode_error},
    {"bad_server_hello", "the target's ServerHello is larger than 64 KiB", Alert::decode_error},
    true};

constexpr MessageReader::Rules second_rules{2, first_rules.malformed, first_rules.oversized, true, true};

constexpr Problem changed{"bad_server_hello",
                          "the target's ServerHello chooses another version than its HelloRetryRequest",
                          Alert::illegal_parameter};
constexpr Problem repeated{"bad_server_hello", "the target asks for a third ClientHello",
                           Alert::unexpected_message};

// RFC 8446 section 4.1.3: the random value by which a ServerHello is a HelloRetryRequest.
constexpr std::string_view retry_random =
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

bool read_hello(std::string_view body, ServerHello& hello) {
  Cursor cursor(body);
  const std::uint64_t legacy_version = cursor.number(2);
  hello.retry = cursor.take(retry_random.size()) == retry_random;
  cursor.block(1);   // session id
  cursor.number(2);  // cipher suite
  cursor.number(1);  // compression method
  std::optional<std::uint64_t> selected;
  const bool sound =
      !cursor.failed() && each_extension(cursor, [&](std::uint64_t type, std::string_view content) {
        if (type != versions_extension) return true;
        Cursor chosen(content);
        selected = chosen.number(2);
        return chosen.at_end() && !chosen.failed();
      });
  hello.version = static_cast<std::uint16_t>(selected.value_or(legacy_version));
  if (hello.retry && !selected) return false;
  // RFC 8446 sections 4.1.3 and 4.2.1: TLS 1.3 is chosen in the extension only, and nothing older is. A
  // client could take what says otherwise for another version than is read here.
  return sound && (selected ? legacy_version == version_1_2 && *selected >= version_1_3
                            : legacy_version <= version_1_2);
}

}  // namespace

ServerHelloReader::ServerHelloReader() : message_(first_rules) {}

ServerHelloReader::ServerHelloReader(const ServerHello& first)
    : message_(second_rules), promised_(first.version) {}

Read<ServerHello> ServerHelloReader::feed(std::string_view bytes) {
  Read<ServerHello> read;
  const MessageReader::State state = message_.feed(bytes);
  if (state == MessageReader::State::invalid) read.problem = message_.problem();
  if (state == MessageReader::State::fatal_alert) read.hello = ServerHello{};
  if (state != MessageReader::State::complete) return read;
  ServerHello hello;
  const bool sound = read_hello(message_.take_body(), hello);
  // Behind a HelloRetryRequest the server waits.
  if (!sound || (hello.retry && message_.record_goes_on())) {
    read.problem = message_.rules().malformed;
  } else if (promised_ != 0 && hello.retry) {
    read.problem = repeated;
  } else if (promised_ != 0 && hello.version != promised_) {
    read.problem = changed;
  } else {
    read.hello = hello;
  }
  return read;
}

}  // namespace callgate::tls
