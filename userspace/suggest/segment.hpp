// One segment of a normalized path: what it looks like, and how a pattern of the policy language says it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callgate::suggest {

enum class Shape : std::uint8_t {
  word,    // a name that a person gave
  number,  // digits, a date or a time: a value if it varies, perhaps a version if it does not
  id,      // a UUID, a hexadecimal id, a long random token: never a name
};

[[nodiscard]] Shape shape_of(std::string_view text);

// "42.json" is "42" with ".json"; a name without an ending is all stem.
struct Stem {
  std::string_view stem;
  std::string_view ending;
};
[[nodiscard]] Stem split_ending(std::string_view segment);

// The pattern that matches `segment` and as little else as the language can say: percent-encoded in all that
// is not plain in a URL. A run of `*` becomes one `*`, which stands for itself too.
[[nodiscard]] std::string literal_pattern(std::string_view segment);

// A normalized path as a request would send it: percent-encoded, `*` too.
[[nodiscard]] std::string encode_path(std::string_view path);

// Whether policies can speak of this path: normalize_path of its encoded form gives it again.
[[nodiscard]] bool is_normal_path(std::string_view path);

}  // namespace callgate::suggest
