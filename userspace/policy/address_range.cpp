#include "policy/address_range.hpp"

#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace callgate::policy {
namespace {

constexpr std::string_view form = "write a range such as 10.0.0.0/8 or fd00::/8";

// Clears the bits behind the first `prefix`.
std::array<std::uint8_t, 16> masked(std::array<std::uint8_t, 16> ip, int prefix) {
  for (int bit = prefix; bit < 128; ++bit) {
    auto& byte = ip[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(0x80U >> static_cast<unsigned>(bit % 8)));
  }
  return ip;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text, PatternFault& fault) {
  const auto slash = text.find('/');
  const auto address_text = text.substr(0, slash);
  const auto address = is_ip_literal(address_text) ? parse_address(address_text) : make_error("", "");
  if (!address) {
    fault = {fmt::format("`{}` is no range of IP addresses", text), std::string(form)};
    return std::nullopt;
  }
  const int width = address->v6 ? 128 : 32;
  AddressRange range;
  range.prefix_ = width;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const char* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, range.prefix_);
    if (parsed.ec != std::errc{} || parsed.ptr != end || range.prefix_ < 0 || range.prefix_ > width) {
      fault = {fmt::format("`{}` has no prefix length of 0 to {}", text, width), std::string(form)};
      return std::nullopt;
    }
  }
  range.first_.v6 = address->v6;
  range.first_.ip = masked(address->ip, range.prefix_);
  if (range.first_.ip != address->ip) {
    fault = {fmt::format("`{}` has bits set behind its prefix", text), fmt::format("write {}", range.text())};
    return std::nullopt;
  }
  return range;
}

bool AddressRange::contains(const Address& address) const {
  return address.v6 == first_.v6 && masked(address.ip, prefix_) == first_.ip;
}

Address AddressRange::first_of(const Address& address, int prefix) {
  Address first;
  first.v6 = address.v6;
  first.ip = masked(address.ip, prefix);
  return first;
}

bool AddressRange::contains(const AddressRange& other) const {
  return other.prefix_ >= prefix_ && contains(other.first_);
}

std::string AddressRange::text() const {
  return fmt::format("{}/{}", ip_to_string(first_), prefix_);
}

}  // namespace callgate::policy
