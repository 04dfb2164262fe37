#include "suggest/segment.hpp"

#include <algorithm>

#include "policy/path.hpp"

namespace callgate::suggest {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_number(std::string_view text) {
  constexpr std::size_t shortest_date = 8;
  if (std::all_of(text.begin(), text.end(), is_digit)) return true;
  const auto digits = std::count_if(text.begin(), text.end(), is_digit);
  return text.size() >= shortest_date && is_digit(text.front()) && digits >= 6 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || std::string_view("-:.TZ").find(c) != std::string_view::npos;
         });
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

// Without a digit, short ones could be words ("facade").
bool is_hex_id(std::string_view text) {
  constexpr std::size_t shortest = 8;
  constexpr std::size_t surely = 16;
  return text.size() >= shortest && std::all_of(text.begin(), text.end(), is_hex) &&
         (text.size() >= surely || std::any_of(text.begin(), text.end(), is_digit));
}

// Letters and digits that change often: a word with a number behind it changes once.
bool is_token(std::string_view text) {
  constexpr std::size_t shortest = 16;
  if (text.size() < shortest) return false;
  if (std::count_if(text.begin(), text.end(), is_digit) < 2) return false;
  std::size_t changes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_letter(c) && !is_digit(c) && std::string_view("-_=~+").find(c) == std::string_view::npos)
      return false;
    if (i == 0) continue;
    const char before = text[i - 1];
    const auto kind = [](char x) {
      return is_digit(x) ? 1 : x >= 'a' && x <= 'z' ? 2 : x >= 'A' && x <= 'Z' ? 3 : 0;
    };
    if (kind(c) != 0 && kind(before) != 0 && kind(c) != kind(before)) ++changes;
  }
  return changes * 4 >= text.size();
}

bool is_plain(char c) {
  return is_letter(c) || is_digit(c) ||
         std::string_view("-._~!$&'()+,;=:@").find(c) != std::string_view::npos;
}

void append_encoded(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += digits[byte >> 4U];
  out += digits[byte & 15U];
}

}  // namespace

Shape shape_of(std::string_view text) {
  constexpr std::size_t longest_word = 96;
  if (text.empty()) return Shape::word;
  if (text.size() > longest_word) return Shape::id;
  if (is_number(text)) return Shape::number;
  return is_uuid(text) || is_hex_id(text) || is_token(text) ? Shape::id : Shape::word;
}

Stem split_ending(std::string_view segment) {
  constexpr std::size_t longest_ending = 5;
  const auto dot = segment.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == segment.size()) return {segment, {}};
  const auto ending = segment.substr(dot);
  const bool good =
      ending.size() <= longest_ending + 1 && is_letter(ending[1]) &&
      std::all_of(ending.begin() + 1, ending.end(), [](char c) { return is_letter(c) || is_digit(c); });
  return good ? Stem{segment.substr(0, dot), ending} : Stem{segment, {}};
}

std::string literal_pattern(std::string_view segment) {
  std::string out;
  for (const char c : segment) {
    if (c == '*') {
      if (out.empty() || out.back() != '*') out += '*';
    } else if (is_plain(c)) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

std::string encode_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '/' || is_plain(c)) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

bool is_normal_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  std::string storage;
  const std::string encoded = encode_path(path);
  const auto normal = policy::normalize_path(encoded, storage);
  return normal && *normal == path;
}

}  // namespace callgate::suggest
