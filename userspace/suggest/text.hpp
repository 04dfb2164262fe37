// Text of records inside a policy document: whatever was recorded, it stays what it is, a scalar or a
// comment.
//
// Everything written here is printable ASCII on one line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace callgate::suggest {

// For comments: what is not printable ASCII is \xNN; what is longer than `longest` characters is cut, and
// ends in "...".
[[nodiscard]] std::string comment_text(std::string_view text, std::size_t longest = 160);

// A double-quoted YAML scalar that is `text` again when it is read. `text` is UTF-8.
[[nodiscard]] std::string yaml_text(std::string_view text);

// A glob (policy/text_pattern.hpp) of at most 1024 bytes that matches `text`: itself where it can be, else
// with `*` for what a document cannot hold, and for the end of what is too long.
[[nodiscard]] std::string glob_for(std::string_view text);

// A DNS label made of `text`, of at most `longest` characters; "suggested" where nothing of it can stay.
[[nodiscard]] std::string label_for(std::string_view text, std::size_t longest = 63);

[[nodiscard]] bool is_label(std::string_view text);

// "1,234 calls", "1 call".
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view what);

}  // namespace callgate::suggest
