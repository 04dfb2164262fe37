// The first message of a TLS handshake (RFC 8446 section 4.1.2), read from the bytes of a connection. Nothing
// is decrypted and nothing is answered: what a client says here is all that an onlooker learns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/tls/message_reader.hpp"
#include "protocol/tls/read.hpp"

namespace callgate::tls {

// What a client offers.
struct ClientHello {
  // Lower case, without a trailing dot; empty where the client names none. Outside of ECH: the outer name.
  std::string server_name;
  std::vector<std::uint16_t> versions;  // as offered, without GREASE (RFC 8701)
  std::vector<std::string> protocols;   // ALPN (RFC 7301), as offered, without GREASE
  bool encrypted_client_hello = false;  // the name within may be another

  [[nodiscard]] std::uint16_t highest_version() const;
  bool operator==(const ClientHello&) const = default;
};

// Is fed the bytes of a connection from its beginning, as they come. The answer and the work do not depend on
// how they are split.
class ClientHelloReader {
 public:
  ClientHelloReader();
  // Of the hello by which a client answers a HelloRetryRequest: it must offer what `first` did, which
  // outlives the reader. The bytes begin where the first hello ended.
  explicit ClientHelloReader(const ClientHello& first);

  // The next bytes; what lies behind the record in which the hello ends is not looked at. Not to be called
  // again behind a hello or a problem.
  [[nodiscard]] Read<ClientHello> feed(std::string_view bytes);
  // Bytes taken: where the hello ends, once it is there.
  [[nodiscard]] std::size_t size() const { return message_.size(); }
  // How often a byte was looked at, in sum: at most twice each.
  [[nodiscard]] std::size_t examined() const { return message_.examined(); }

 private:
  MessageReader message_;
  const ClientHello* first_ = nullptr;
};

}  // namespace callgate::tls
