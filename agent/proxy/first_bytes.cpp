#include "proxy/first_bytes.hpp"

#include <algorithm>

namespace callgate::proxy {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv;

// RFC 9110 section 5.6.2.
bool is_token(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return "!#$%&'*+-.^_`|~"sv.find(c) != std::string_view::npos;
}

}  // namespace

FirstBytes classify(std::string_view bytes) {
  if (bytes.empty()) return FirstBytes::undecided;
  if (bytes[0] == '\x16') {
    if (bytes.size() < 2) return FirstBytes::undecided;
    return bytes[1] == '\x03' ? FirstBytes::tls : FirstBytes::opaque;
  }
  if ((static_cast<unsigned char>(bytes[0]) & 0x80U) != 0) {
    if (bytes.size() < 4) return FirstBytes::undecided;
    return bytes[2] == '\x01' && bytes[3] <= '\x03' && bytes[3] >= 0 ? FirstBytes::sslv2 : FirstBytes::opaque;
  }
  // One empty line may come before a request (RFC 9112 section 2.2).
  if (bytes[0] == '\r' || bytes[0] == '\n') return FirstBytes::http1;
  const std::size_t compared = std::min(bytes.size(), http2_preface.size());
  if (bytes.substr(0, compared) == http2_preface.substr(0, compared)) {
    return compared == http2_preface.size() ? FirstBytes::http2 : FirstBytes::undecided;
  }
  // A method of 32 bytes is longer than any; what goes on like that is no request line.
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && bytes[i] == ' ') return FirstBytes::http1;
    if (!is_token(bytes[i])) return i == 0 ? FirstBytes::opaque : FirstBytes::no_space;
    if (i == 32) return FirstBytes::no_space;
  }
  return FirstBytes::undecided;
}

std::string_view refusal_bytes(FirstBytes kind) {
  switch (kind) {
    case FirstBytes::sslv2:
      // A fatal alert, protocol_version (RFC 5246 section 7.2).
      return "\x15\x03\x00\x00\x02\x02\x46"sv;
    case FirstBytes::http2:
      // An empty SETTINGS frame, then GOAWAY for stream 0 with HTTP_1_1_REQUIRED (RFC 9113 sections 6.5, 6.8
      // and 7).
      return "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
             "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0d"sv;
    case FirstBytes::undecided:
    case FirstBytes::http1:
    case FirstBytes::no_space:
    case FirstBytes::tls:
    case FirstBytes::opaque:
      break;
  }
  return {};
}

std::string_view describe(FirstBytes kind) {
  switch (kind) {
    case FirstBytes::sslv2:
      return "the caller begins TLS in the form of SSL 2: configure it for TLS 1.2 or newer";
    case FirstBytes::http2:
      return "the caller speaks HTTP/2 without TLS; enforced workloads must call in HTTP/1.1";
    case FirstBytes::undecided:
    case FirstBytes::http1:
    case FirstBytes::no_space:
    case FirstBytes::tls:
    case FirstBytes::opaque:
      break;
  }
  return "the caller's first bytes are not HTTP/1.1, and no policy allows `tcp:connect` to this target";
}

}  // namespace callgate::proxy
