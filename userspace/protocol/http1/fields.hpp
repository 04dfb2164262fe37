// What the fields of a head say about its connection and its body. Internal to the codec.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

// Fields that the codec itself understands.
enum class KnownField : std::uint8_t {
  other,
  host,
  connection,
  content_length,
  transfer_encoding,
  upgrade,
  expect,
  connection_only,  // TE, Keep-Alive, Proxy-Connection, Proxy-Authenticate, Proxy-Authorization
};

[[nodiscard]] KnownField known_field(std::string_view name);

// True for fields that a trailer section may not carry (RFC 9110 6.5.1): framing, routing, authentication,
// content format.
[[nodiscard]] bool is_forbidden_trailer(std::string_view name);

struct Framed {
  std::string_view host;
  std::uint64_t length = 0;
  bool has_host = false;
  bool has_length = false;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool expect_continue = false;
};

// Reads the known fields; for requests also Host and Expect. Returns what is wrong with them, or nullptr.
[[nodiscard]] const Problem* read_fields(const std::vector<Field>& fields, int minor_version, bool request,
                                         Framed& out);

}  // namespace callgate::http1
