// A server's answer to a ClientHello (RFC 8446 section 4.1.3), read from the bytes of a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/tls/message_reader.hpp"
#include "protocol/tls/read.hpp"

namespace callgate::tls {

// What the server chose.
struct ServerHello {
  std::uint16_t version = 0;  // 0: it answered with a fatal alert instead
  bool retry = false;         // a HelloRetryRequest: another ClientHello, and another answer, come first

  bool operator==(const ServerHello&) const = default;
};

// Is fed the bytes of a connection from its beginning, as they come. The answer and the work do not depend on
// how they are split.
class ServerHelloReader {
 public:
  ServerHelloReader();
  // Of the answer to the second ClientHello, which must keep the version of the HelloRetryRequest `first`.
  // The bytes begin where that ended.
  explicit ServerHelloReader(const ServerHello& first);

  // The next bytes; more than the hello does no harm. Not to be called again behind a hello or a problem.
  [[nodiscard]] Read<ServerHello> feed(std::string_view bytes);
  // Bytes taken: where the hello ends, once it is there.
  [[nodiscard]] std::size_t size() const { return message_.size(); }
  // How often a byte was looked at, in sum: at most twice each.
  [[nodiscard]] std::size_t examined() const { return message_.examined(); }

 private:
  MessageReader message_;
  std::uint16_t promised_ = 0;  // version of the HelloRetryRequest
};

}  // namespace callgate::tls
