#include "cli/text.hpp"

#include <clocale>
#include <cwchar>
#include <optional>

#include <fmt/format.h>
#include <locale.h>

#include "base/clock.hpp"

namespace callgate::cli {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 1;
  bool valid = false;
  bool cut = false;  // the text ends within it
};

// The first character of a text that is not empty; strict UTF-8 (RFC 3629).
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true, false};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return {};
  char32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t index = 1; index < size; ++index) {
    if (index == text.size()) return {0, 1, false, true};
    const auto byte = static_cast<unsigned char>(text[index]);
    if ((byte & 0xc0U) != 0x80U) return {};
    code = (code << 6U) | (byte & 0x3fU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size, true, false};
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

// Characters without a shape of their own, or that reorder what is around them: they can make a text look
// like another.
bool is_deceptive(char32_t code) {
  return code == 0xad || code == 0x61c || code == 0x180e || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
         (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff);
}

void append_escaped(std::string& result, const Character& character, char byte) {
  if (!character.valid) {
    result += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  } else if (character.code == '\n') {
    result += "\\n";
  } else if (character.code == '\r') {
    result += "\\r";
  } else if (character.code == '\t') {
    result += "\\t";
  } else if (character.code < 0x80) {
    result += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(character.code));
  } else {
    result += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(character.code));
  }
}

std::string escape(std::string_view text, bool keep_lines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_character(text);
    if (keep_lines && text.substr(0, 2) == "\r\n") {
      result += '\n';
      text.remove_prefix(2);
      continue;
    }
    const bool kept_space = keep_lines && (character.code == '\n' || character.code == '\t');
    if (character.valid && (kept_space || !(is_control(character.code) || is_deceptive(character.code)))) {
      result += text.substr(0, character.size);
    } else {
      append_escaped(result, character, text[0]);
    }
    text.remove_prefix(character.size);
  }
  return result;
}

// wcwidth() knows widths only under a UTF-8 locale; this one leaves the program's own alone.
std::size_t columns_of(char32_t code) {
  if (code >= 0x20 && code < 0x7f) return 1;
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr) return 1;
  const locale_t before = ::uselocale(utf8);
  const int columns = ::wcwidth(static_cast<wchar_t>(code));
  ::uselocale(before);
  return columns < 0 ? 1 : static_cast<std::size_t>(columns);
}

}  // namespace

std::string safe(std::string_view text) {
  return escape(text, false);
}
std::string safe_lines(std::string_view text) {
  return escape(text, true);
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto character = first_character(bytes);
    if (character.cut) return true;
    const bool space = character.code == '\n' || character.code == '\r' || character.code == '\t';
    if (!character.valid || (is_control(character.code) && !space)) return false;
    bytes.remove_prefix(character.size);
  }
  return true;
}

std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const auto character = first_character(text);
    columns += columns_of(character.code);
    text.remove_prefix(character.size);
  }
  return columns;
}

std::string shorten(std::string_view text, std::size_t columns) {
  if (width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t kept = 0;
  std::size_t used = 0;
  while (kept < text.size()) {
    const auto character = first_character(text.substr(kept));
    const auto more = columns_of(character.code);
    if (used + more > columns - 1) break;
    used += more;
    kept += character.size;
  }
  return std::string(text.substr(0, kept)) + "…";
}

std::size_t whole_characters(std::string_view text) {
  constexpr std::size_t longest = 4;
  for (std::size_t back = 1; back < longest && back <= text.size(); ++back) {
    const auto place = text.size() - back;
    if ((static_cast<unsigned char>(text[place]) & 0xc0U) == 0x80U) continue;  // within a character
    return first_character(text.substr(place)).cut ? place : text.size();
  }
  return text.size();
}

std::string hex_dump(std::string_view bytes, std::uint64_t first) {
  std::string result;
  for (std::size_t start = 0; start < bytes.size(); start += 16) {
    const auto line = bytes.substr(start, 16);
    std::string digits;
    std::string characters;
    for (std::size_t index = 0; index < 16; ++index) {
      if (index == 8) digits += ' ';
      if (index >= line.size()) {
        digits += "   ";
        continue;
      }
      const auto byte = static_cast<unsigned char>(line[index]);
      digits += fmt::format(" {:02x}", byte);
      characters += byte >= 0x20 && byte < 0x7f ? line[index] : '.';
    }
    result += fmt::format("{:06x} {}  |{}|\n", first + start, digits, characters);
  }
  return result;
}

std::string show_number(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  }
  return digits;
}

std::string show_size(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes) / 1024;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit)
    value /= 1024;
  return fmt::format("{:.1f} {} ({} B)", value, units[unit], show_number(bytes));
}

std::string show_microseconds(std::uint64_t microseconds) {
  const auto value = static_cast<double>(microseconds);
  if (microseconds < 1000) return fmt::format("{} us", microseconds);
  if (microseconds < 1'000'000) return fmt::format("{:.1f} ms", value / 1e3);
  return fmt::format("{:.2f} s", value / 1e6);
}

std::string show_time(std::uint64_t nanoseconds) {
  return nanoseconds == 0 ? "-" : format_time(nanoseconds);
}

}  // namespace callgate::cli
