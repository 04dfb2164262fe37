// Bodies as people read them: JSON indented, forms decoded, text as text, everything else as a hex dump.
#pragma once

#include <string>
#include <string_view>

namespace callgate::cli {

struct BodyText {
  std::string text;  // lines, safe for terminals
  std::string
      note;  // what was done to it, or why not: "gzip, decoded to 512 B", "JSON, indented"; may be empty
};

// `type` and `coding` are the values of Content-Type and Content-Encoding; either may be empty. `whole` is
// false where bytes are missing at the end.
[[nodiscard]] BodyText body_text(std::string_view type, std::string_view coding, std::string_view bytes,
                                 bool whole);

// JSON with one value a line, its numbers and strings as they were written; empty: it is none (RFC 8259), or
// is nested more than 32 deep.
[[nodiscard]] std::string indent_json(std::string_view text);

}  // namespace callgate::cli
