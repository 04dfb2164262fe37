// The first message of each side of a TLS handshake (RFC 8446 section 4.1), read from the bytes of a
// connection. Nothing is decrypted and nothing is answered: what the two sides say here is all that an
// onlooker learns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callgate::tls {

inline constexpr std::uint16_t version_1_2 = 0x0303;
inline constexpr std::uint16_t version_1_3 = 0x0304;

// Of alert records (RFC 8446 section 6).
enum class Alert : std::uint8_t {
  handshake_failure = 40,
  access_denied = 49,
  decode_error = 50,
  protocol_version = 70,
  internal_error = 80,
};

struct Problem {
  std::string_view code;  // stable
  std::string_view detail;
  Alert alert = Alert::decode_error;
};

// What a client offers.
struct ClientHello {
  // Lower case, without a trailing dot; empty where the client names none. Outside of ECH: the outer name.
  std::string server_name;
  std::vector<std::uint16_t> versions;  // as offered, without GREASE (RFC 8701)
  std::vector<std::string> protocols;   // ALPN (RFC 7301), as offered, without GREASE
  bool encrypted_client_hello = false;  // the name within may be another

  [[nodiscard]] std::uint16_t highest_version() const;
};

// What the server chose.
struct ServerHello {
  std::uint16_t version = 0;  // 0: it answered with a fatal alert instead
};

// The result of looking at the bytes so far: complete (the hello), invalid (the problem), or neither:
// `needed` bytes from the beginning are the least that could tell more.
template <typename Hello>
struct Read {
  std::optional<Hello> hello;
  std::optional<Problem> problem;
  std::size_t needed = 0;
};

// The most bytes that a hello may take, with the headers of its records.
inline constexpr std::size_t largest_hello = 64U << 10U;

// `bytes` are all that came from the beginning of the connection. More than the hello does no harm.
[[nodiscard]] Read<ClientHello> read_client_hello(std::string_view bytes);
[[nodiscard]] Read<ServerHello> read_server_hello(std::string_view bytes);

// "TLSv1.3"; "0x0305" for what has no name.
[[nodiscard]] std::string version_name(std::uint16_t version);
// A record with a fatal alert.
[[nodiscard]] std::string alert_record(Alert alert);

}  // namespace callgate::tls
