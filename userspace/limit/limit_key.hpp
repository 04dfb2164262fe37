// What is counted: a limit of a rule together with the values that it counts by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace callgate::limit {

// A digest of the parts: nobody who chooses some of them can make two keys the same.
struct LimitKey {
  std::array<std::uint64_t, 2> words{};

  // Parts are told apart, so that {"ab", "c"} is not {"a", "bc"}.
  [[nodiscard]] static LimitKey of(std::initializer_list<std::string_view> parts);

  bool operator==(const LimitKey&) const = default;
};

}  // namespace callgate::limit
