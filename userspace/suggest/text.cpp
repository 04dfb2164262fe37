#include "suggest/text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/utf8.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t longest_glob = 1024;

bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}

// The character that begins at `at` in well-formed UTF-8, and its length.
char32_t decode(std::string_view text, std::size_t at, std::size_t& length) {
  const auto lead = static_cast<unsigned char>(text[at]);
  length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  length = std::min(length, text.size() - at);
  char32_t code = length == 1 ? lead : lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code = (code << 6U) | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
  return code;
}

}  // namespace

std::string comment_text(std::string_view text, std::size_t longest) {
  std::string out;
  for (const char c : text) {
    const auto piece =
        is_printable(c) ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    if (out.size() + piece.size() > longest) return out + "...";
    out += piece;
  }
  return out;
}

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    const char32_t code = decode(text, at, length);
    if (code == U'"' || code == U'\\') {
      out.append("\\").append(1, text[at]);
    } else if (length == 1 && is_printable(text[at])) {
      out += text[at];
    } else if (code <= 0xff) {
      out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(code));
    } else if (code <= 0xffff) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(code));
    }
    at += length;
  }
  return out + '"';
}

std::string glob_for(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    (void)decode(text, at, length);
    auto piece = text.substr(at, length);
    if (!policy::is_plain_text(piece)) piece = "*";
    if (out.size() + piece.size() + 1 > longest_glob) return out + '*';
    if (piece != "*" || out.empty() || out.back() != '*') out += piece;
    at += length;
  }
  return out.empty() ? "*" : out;
}

std::string label_for(std::string_view text, std::size_t longest) {
  std::string out;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (good) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
    if (out.size() == longest) break;
  }
  while (!out.empty() && out.back() == '-')
    out.pop_back();
  return out.empty() ? "suggested" : out;
}

bool is_label(std::string_view text) {
  constexpr std::size_t longest_label = 63;
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= longest_label && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), good);
}

std::string count_text(std::uint64_t count, std::string_view what) {
  auto digits = std::to_string(count);
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  return fmt::format("{} {}{}", digits, what, count == 1 ? "" : "s");
}

}  // namespace callgate::suggest
