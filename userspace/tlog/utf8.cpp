#include "tlog/utf8.hpp"

namespace callgate::tlog {
namespace {

struct Lead {
  std::size_t more = 0;  // bytes that follow
  char32_t bits = 0;
  char32_t least = 0;  // smaller characters have shorter forms
};

std::optional<Lead> read_lead(unsigned char byte) {
  if (byte < 0x80) return Lead{0, byte, 0};
  if (byte >= 0xc2 && byte < 0xe0) return Lead{1, byte & 0x1fU, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return Lead{2, byte & 0x0fU, 0x800};
  if (byte >= 0xf0 && byte < 0xf5) return Lead{3, byte & 0x07U, 0x10000};
  return std::nullopt;
}

}  // namespace

std::optional<char32_t> take_character(std::string_view& text) {
  const auto lead = read_lead(static_cast<unsigned char>(text.front()));
  if (!lead || text.size() <= lead->more) return std::nullopt;
  char32_t character = lead->bits;
  for (std::size_t i = 1; i <= lead->more; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80) return std::nullopt;
    character = (character << 6U) | (byte & 0x3fU);
  }
  const bool surrogate = character >= 0xd800 && character < 0xe000;
  if (character < lead->least || surrogate || character > 0x10ffff) return std::nullopt;
  text.remove_prefix(1 + lead->more);
  return character;
}

bool is_space(char32_t character) {
  return (character >= 0x09 && character <= 0x0d) || character == 0x20 || character == 0x85 ||
         character == 0xa0 || character == 0x1680 || (character >= 0x2000 && character <= 0x200a) ||
         character == 0x2028 || character == 0x2029 || character == 0x202f || character == 0x205f ||
         character == 0x3000;
}

}  // namespace callgate::tlog
