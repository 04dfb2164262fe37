// Finds the entry of a policy's targets that a call goes to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/text_pattern.hpp"

namespace callgate::policy {

class TargetIndex {
 public:
  static constexpr std::uint32_t none = ~0U;

  // `port` 0: any.
  void add(const HostPattern& host, std::uint16_t port, std::uint32_t target);

  // The most specific entry for a host and port, or none: an exact host goes before a suffix, a longer suffix
  // before a shorter one, `*` comes last; of entries for the same host one that names the port goes first.
  [[nodiscard]] std::uint32_t find(std::string_view canonical_host, std::uint16_t port) const;

 private:
  struct Entry {
    std::uint16_t port = 0;
    std::uint32_t target = none;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Table = std::unordered_map<std::string, std::vector<Entry>, Hash, std::equal_to<>>;

  [[nodiscard]] static std::uint32_t pick(const std::vector<Entry>& entries, std::uint16_t port);

  Table exact_;
  Table suffix_;
  std::vector<Entry> any_;
};

}  // namespace callgate::policy
