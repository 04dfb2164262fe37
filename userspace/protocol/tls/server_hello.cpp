#include "protocol/tls/server_hello.hpp"

#include <optional>

#include "protocol/tls/cursor.hpp"
#include "protocol/tls/extensions.hpp"
#include "protocol/tls/version.hpp"

namespace callgate::tls {
namespace {

constexpr MessageReader::Rules rules{
    2,
    {"bad_server_hello", "the target's ServerHello is not well-formed", Alert::decode_error},
    {"bad_server_hello", "the target's ServerHello is larger than 64 KiB", Alert::decode_error},
    true};

bool read_hello(std::string_view body, ServerHello& hello) {
  constexpr std::size_t random_size = 32;
  Cursor cursor(body);
  const std::uint64_t legacy_version = cursor.number(2);
  cursor.take(random_size);
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
  // RFC 8446 sections 4.1.3 and 4.2.1: TLS 1.3 is chosen in the extension only, and nothing older is. A
  // client could take what says otherwise for another version than is read here.
  return sound && (selected ? legacy_version == version_1_2 && *selected >= version_1_3
                            : legacy_version <= version_1_2);
}

}  // namespace

ServerHelloReader::ServerHelloReader() : message_(rules) {}

Read<ServerHello> ServerHelloReader::feed(std::string_view bytes) {
  Read<ServerHello> read;
  const MessageReader::State state = message_.feed(bytes);
  if (state == MessageReader::State::invalid) read.problem = message_.problem();
  if (state == MessageReader::State::fatal_alert) read.hello = ServerHello{};
  if (state != MessageReader::State::complete) return read;
  ServerHello hello;
  if (read_hello(message_.take_body(), hello)) {
    read.hello = hello;
  } else {
    read.problem = rules.malformed;
  }
  return read;
}

}  // namespace callgate::tls
