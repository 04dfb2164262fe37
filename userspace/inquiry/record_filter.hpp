// Which records somebody asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "callgate/v1/control.pb.h"

namespace callgate::inquiry {

// A v1::SessionFilter, checked.
struct RecordFilter {
  v1::SessionFilter wanted;            // what is compared as it stands
  std::string host;                    // glob in lower case; empty: any
  std::optional<v1::Verdict> verdict;  // of enforced and observed policies
  bool would_deny = false;             // only what observed policies would deny
  std::optional<v1::Outcome> outcome;
  std::uint32_t least_status = 0;  // 0: any, also none
  std::uint32_t largest_status = 0;
};

// Error invalid, with what the field may be.
[[nodiscard]] Result<RecordFilter> check_filter(const v1::SessionFilter& filter);

// Pure; the one place that says what a filter means.
[[nodiscard]] bool matches(const RecordFilter& filter, const v1::Record& record);

// Denied by policies that are only observed.
[[nodiscard]] bool would_deny(const v1::Decision& decision);

// Whether the hexadecimal `digits` begin or end a 16-byte id.
[[nodiscard]] bool id_has_digits(std::string_view id, std::string_view digits);

}  // namespace callgate::inquiry
