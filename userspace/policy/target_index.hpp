// Finds the entry of a policy's targets that a call goes to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/address_range.hpp"
#include "policy/text_pattern.hpp"

namespace callgate::policy {

class TargetIndex {
 public:
  static constexpr std::uint32_t none = ~0U;

  // `port` 0: any. Without a range: any address.
  void add(const HostPattern& host, std::uint16_t port, const std::optional<AddressRange>& range,
           std::uint32_t target);

  // The most specific entry for a host, port and address, or none: an exact host goes before a suffix, a
  // longer suffix before a shorter one, `*` comes last; of entries for the same host a range goes before
  // none, a narrower range before a wider one, and then one that names the port before one that does not.
  // `address` may be null, which is in no range.
  [[nodiscard]] std::uint32_t find(std::string_view canonical_host, std::uint16_t port,
                                   const Address* address) const;

 private:
  struct Entry {
    std::uint16_t port = 0;
    std::uint32_t target = none;
  };
  // The entries for one host.
  class Entries {
   public:
    void add(std::uint16_t port, const std::optional<AddressRange>& range, std::uint32_t target);
    [[nodiscard]] std::uint32_t find(std::uint16_t port, const Address* address) const;

   private:
    [[nodiscard]] static std::uint32_t pick(const std::vector<Entry>& entries, std::uint16_t port);

    std::vector<Entry> anywhere_;
    // By prefix length, the longest first, and within one by the first address.
    std::map<int, std::map<Address, std::vector<Entry>>, std::greater<>> ranges_;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Table = std::unordered_map<std::string, Entries, Hash, std::equal_to<>>;

  Table exact_;
  Table suffix_;
  Entries any_;
};

}  // namespace callgate::policy
