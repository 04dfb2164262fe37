// Content codings of HTTP (RFC 9110, section 8.4) undone, for people who read a body.
#pragma once

#include <string>
#include <string_view>

namespace callgate::cli {

struct Decoded {
  bool known = false;   // the coding is one that is undone here (gzip, deflate), or none
  bool whole = false;   // everything was decoded
  std::string bytes;    // as far as it went
  std::string problem;  // why not everything: "the coding br is not known here", "its data is damaged", …
};

// `coding` is the value of Content-Encoding. At most `limit` bytes come out, however small what goes in is.
[[nodiscard]] Decoded decode_content(std::string_view coding, std::string_view bytes, std::size_t limit);

}  // namespace callgate::cli
