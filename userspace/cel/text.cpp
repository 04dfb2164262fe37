#include "cel/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace callgate::cel {
namespace {

bool begins_point(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t size = 1;
    std::uint32_t point = lead;
    if (lead >= 0xf0) {
      size = 4;
      point = lead & 0x07U;
      if (lead > 0xf4) return false;
    } else if (lead >= 0xe0) {
      size = 3;
      point = lead & 0x0fU;
    } else if (lead >= 0xc2) {
      size = 2;
      point = lead & 0x1fU;
    } else if (lead >= 0x80) {
      return false;
    }
    if (i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0U) != 0x80U) return false;
      point = (point << 6U) | (next & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += size;
  }
  return true;
}

std::size_t count_points(std::string_view text) {
  if (text.empty()) return 0;
  return 1 + static_cast<std::size_t>(std::count_if(text.begin() + 1, text.end(), begins_point));
}

std::size_t point_offset(std::string_view text, std::size_t index) {
  if (index == 0) return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (begins_point(text[i]) && --index == 0) return i;
  }
  return index == 1 && !text.empty() ? text.size() : std::string_view::npos;
}

std::size_t last_point(std::string_view text) {
  std::size_t start = text.size() - 1;
  while (start > 0 && !begins_point(text[start]))
    --start;
  return start;
}

std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (wanted.empty()) return from;
  // The standard library's search takes the product of the sizes at its worst.
  const void* const found = ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), written.ptr};
}

}  // namespace callgate::cel
