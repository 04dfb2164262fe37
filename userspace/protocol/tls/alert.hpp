// What ends a handshake that does not succeed (RFC 8446 section 6).
#pragma once

#include <cstdint>
#include <string>

namespace callgate::tls {

enum class Alert : std::uint8_t {
  unexpected_message = 10,
  handshake_failure = 40,
  illegal_parameter = 47,
  access_denied = 49,
  decode_error = 50,
  protocol_version = 70,
  internal_error = 80,
};

// A record with a fatal alert.
[[nodiscard]] std::string alert_record(Alert alert);

}  // namespace callgate::tls
