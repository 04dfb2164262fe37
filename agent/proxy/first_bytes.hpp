// What protocol a caller speaks, told by the first bytes of its connection; and how to refuse it in its own
// terms.
#pragma once

#include <cstdint>
#include <string_view>

namespace callgate::proxy {

enum class FirstBytes : std::uint8_t {
  undecided,  // more bytes are needed
  http1,      // could be a request line
  no_space,   // a word that could be a method, and then none: answered in HTTP, unless opaque bytes are
              // allowed
  tls,        // a TLS handshake record (RFC 8446 section 5.1)
  sslv2,      // a ClientHello in the form of SSL 2 (RFC 5246 appendix E.2), which nobody needs any more
  http2,      // the connection preface (RFC 9113 section 3.4)
  opaque,
};

[[nodiscard]] FirstBytes classify(std::string_view bytes);
// What to send before closing; empty where the protocol has no words for it, so that a reset says it.
[[nodiscard]] std::string_view refusal_bytes(FirstBytes kind);
// A sentence for the record.
[[nodiscard]] std::string_view describe(FirstBytes kind);

}  // namespace callgate::proxy
