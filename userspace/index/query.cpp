#include "index/query.hpp"

#include <charconv>

#include <fmt/format.h>

namespace callgate::index {
namespace {

constexpr std::uint32_t largest_status = 65535;

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number > largest_status) return std::nullopt;
  return number;
}

}  // namespace

Result<StatusRange> parse_status(std::string_view text) {
  constexpr std::size_t class_size = 3;
  if (text.size() == class_size && text.ends_with("xx") && text[0] >= '1' && text[0] <= '9') {
    const auto first = static_cast<std::uint32_t>(text[0] - '0') * 100;
    return StatusRange{first, first + 99};
  }
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (first && last && *first <= *last) return StatusRange{*first, *last};
  return make_error("invalid", fmt::format("`{}` is no status: write 404, 4xx or 400-499", text));
}

}  // namespace callgate::index
