#include "properties.hpp"

#include <algorithm>
#include <cstdlib>

#include "protocol/http1/characters.hpp"

namespace callgate::http1 {

void require(bool holds) {
  if (!holds) std::abort();
}

Choices::Choices(std::string_view input) {
  // FNV-1a
  state_ = 0xcbf29ce484222325ULL;
  for (const char c : input)
    state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}

std::uint64_t Choices::below(std::uint64_t limit) {
  state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
  return (state_ >> 33U) % limit;
}

Cuts Choices::cuts(std::size_t input_size) {
  Cuts cuts(1 + below(6));
  for (std::size_t& cut : cuts)
    cut = static_cast<std::size_t>(below(input_size + 1));
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

Limits Choices::limits() {
  Limits limits;
  if (below(4) > 0) return limits;
  limits.head_bytes = 16 + below(128);
  limits.field_count = 1 + below(4);
  limits.trailer_bytes = 2 + below(32);
  limits.chunk_line_bytes = 1 + below(16);
  limits.body_bytes = below(32);
  return limits;
}

void require_clean_head(std::string_view head, bool may_have_connection) {
  require(head.size() >= 4 && head.substr(head.size() - 4) == "\r\n\r\n");
  require(head.find('\0') == head.npos);
  for (std::size_t at = 0; at < head.size(); ++at) {
    if (head[at] == '\r') require(at + 1 < head.size() && head[at + 1] == '\n');
    if (head[at] == '\n') require(at > 0 && head[at - 1] == '\r');
  }
  int framing_fields = 0;
  for (std::size_t at = head.find("\r\n") + 2; head.substr(at) != "\r\n"; at = head.find("\r\n", at) + 2) {
    const std::string_view name = head.substr(at, head.find(':', at) - at);
    require(is_token(name));
    const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
    if (is("Content-Length") || is("Transfer-Encoding")) ++framing_fields;
    if (is("Connection")) require(may_have_connection);
    require(!is("Upgrade") && !is("TE") && !is("Keep-Alive") && !is("Proxy-Connection") &&
            !is("Proxy-Authorization") && !is("Proxy-Authenticate"));
  }
  require(framing_fields <= 1);
}

}  // namespace callgate::http1
