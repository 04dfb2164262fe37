// A range of IP addresses, as "10.0.0.0/8" or "fd00::/8" writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "policy/text_pattern.hpp"

namespace callgate::policy {

class AddressRange {
 public:
  // Nothing, and `fault` set, for what is no range: the bits behind the prefix must be 0, so that a range
  // says what it is. An address alone is a range of one.
  [[nodiscard]] static std::optional<AddressRange> parse(std::string_view text, PatternFault& fault);

  // The port is ignored. An IPv4-mapped IPv6 address is the IPv4 address.
  [[nodiscard]] bool contains(const Address& address) const;
  // Whether all of `other` lies in this range.
  [[nodiscard]] bool contains(const AddressRange& other) const;
  [[nodiscard]] int prefix() const { return prefix_; }
  // The first address of the range, without a port.
  [[nodiscard]] const Address& first() const { return first_; }
  // The first address of the range of that prefix length that `address` lies in.
  [[nodiscard]] static Address first_of(const Address& address, int prefix);
  [[nodiscard]] std::string text() const;

  bool operator==(const AddressRange&) const = default;

 private:
  Address first_;
  int prefix_ = 0;
};

}  // namespace callgate::policy
