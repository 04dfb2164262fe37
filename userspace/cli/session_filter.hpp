// The options that select sessions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/result.hpp"
#include "callgate/v1/control.pb.h"

namespace callgate::cli {

struct FilterOptions {
  v1::SessionFilter filter;
  std::string since;
  std::string until;
  std::string min_duration;
  std::uint32_t port = 0;

  // The filter, checked; error invalid.
  [[nodiscard]] Result<v1::SessionFilter> value() const;
};

void add_filter_options(CLI::App& command, FilterOptions& options, bool with_times);

// "10m" (before now), "2026-01-31", "2026-01-31T23:59:59Z" as nanoseconds since 1970; error invalid.
[[nodiscard]] Result<std::uint64_t> parse_time(std::string_view text, std::uint64_t now);
// "250us", "80ms", "2s", "5m" as microseconds; error invalid.
[[nodiscard]] Result<std::uint64_t> parse_duration(std::string_view text);

}  // namespace callgate::cli
