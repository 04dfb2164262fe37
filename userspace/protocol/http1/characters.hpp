// Classes of bytes (RFC 9110 5.6, RFC 3986) and comparisons that know nothing of a locale. Internal to the
// codec.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace callgate::http1 {

enum ByteClass : std::uint8_t {
  class_token = 1,   // tchar
  class_target = 2,  // visible ASCII without % # ? and backslash
  class_host = 4,    // of a DNS name: letters, digits, - . _
  class_hex = 8,
};

namespace detail {
constexpr bool is_alphanumeric(unsigned c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    unsigned bits = 0;
    const auto in = [c](std::string_view set) {
      return c < 128 && set.find(static_cast<char>(c)) != set.npos;
    };
    if (is_alphanumeric(c) || in("!#$%&'*+-.^_`|~")) bits |= class_token;
    if (c > 0x20 && c < 0x7f && !in("%#?\\")) bits |= class_target;
    if (is_alphanumeric(c) || in("-._")) bits |= class_host;
    if (is_alphanumeric(c) && (c <= '9' || (c | 0x20U) <= 'f')) bits |= class_hex;
    classes[c] = static_cast<std::uint8_t>(bits);
  }
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> classes = make_classes();
}  // namespace detail

[[nodiscard]] constexpr bool is_a(ByteClass wanted, char c) {
  return (detail::classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

// The first position at or after `from` whose byte is not of the class; text.size() if there is none.
[[nodiscard]] constexpr std::size_t skip(ByteClass wanted, std::string_view text, std::size_t from) {
  while (from < text.size() && is_a(wanted, text[from]))
    ++from;
  return from;
}

[[nodiscard]] constexpr bool is_token(std::string_view text) {
  return !text.empty() && skip(class_token, text, 0) == text.size();
}

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Of a byte for which is_a(class_hex, c).
[[nodiscard]] constexpr unsigned hex_value(char c) {
  return is_digit(c) ? static_cast<unsigned>(c - '0') : (static_cast<unsigned>(c) | 0x20U) - 'a' + 10U;
}

[[nodiscard]] constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The same of eight characters at once.
[[nodiscard]] constexpr std::uint64_t lower(std::uint64_t word) {
  constexpr std::uint64_t each = 0x0101010101010101ULL;
  const std::uint64_t low = word & 0x7f * each;
  // The top bit of each byte tells: at least 'A', more than 'Z', ASCII at all.
  const std::uint64_t from_a = low + (0x80 - 'A') * each;
  const std::uint64_t past_z = low + (0x7f - 'Z') * each;
  const std::uint64_t upper = (from_a ^ past_z) & ~word & 0x80 * each;
  return word | (upper >> 2U);
}

[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  std::size_t i = 0;
  for (; a.size() - i >= sizeof(std::uint64_t); i += sizeof(std::uint64_t)) {
    std::uint64_t words[2] = {};
    std::memcpy(&words[0], a.data() + i, sizeof(words[0]));
    std::memcpy(&words[1], b.data() + i, sizeof(words[1]));
    if (lower(words[0]) != lower(words[1])) return false;
  }
  for (; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

// True if every byte may stand in a field value: HTAB, visible ASCII, space, and 0x80 to 0xff.
[[nodiscard]] inline bool is_field_text(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101ULL;
  const auto allowed = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
  };
  std::size_t at = 0;
  // Eight bytes at a time: the usual value has neither controls nor tabs.
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t is_control = (word - ones * 0x20) & ~word & (ones * 0x80);
    const std::uint64_t not_delete = word ^ (ones * 0x7f);
    const std::uint64_t is_delete = (not_delete - ones) & ~not_delete & (ones * 0x80);
    if ((is_control | is_delete) == 0) continue;
    for (std::size_t i = at; i < at + 8; ++i)
      if (!allowed(text[i])) return false;
  }
  for (; at < text.size(); ++at)
    if (!allowed(text[at])) return false;
  return true;
}

// Calls `visit` with each non-empty element of a comma-separated list; stops and returns false where it
// returns false.
template <typename Visit>
[[nodiscard]] bool for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    if (!element.empty() && !visit(element)) return false;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return true;
}

}  // namespace callgate::http1
