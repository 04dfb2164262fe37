#include "cel/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

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
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_point));
}

Points::Points(std::string_view text, Arena& arena)
    : text_(text), starts_(arena.make_array<std::size_t>(count_points(text) + 1)) {
  if (starts_ == nullptr) return;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_point(text[i])) starts_[size_++] = i;
  }
  starts_[size_] = text.size();
}

std::size_t Points::index_of(std::size_t offset) const {
  return static_cast<std::size_t>(std::lower_bound(starts_, starts_ + size_, offset) - starts_);
}

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), written.ptr};
}

}  // namespace callgate::cel
