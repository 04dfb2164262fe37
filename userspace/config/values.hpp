// The texts of single values. An error's code is of no interest; its message completes "`key` …".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace callgate::config {

// "500ms", "30s", "10m", "1h", "90d"; at most 100 years.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
// "512B", "64KiB", "1MiB", "2GiB", "3TiB", "1PiB" (the largest); a lone 0 needs no unit.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] Result<std::uint64_t> parse_number(std::string_view text);

// The forms that parse_duration and parse_size read, in the largest unit that divides the value.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);
[[nodiscard]] std::string format_size(std::uint64_t size);

// A trust domain of SPIFFE-ID 2.1: 1 to 255 of a-z, 0-9, ".", "-", "_".
[[nodiscard]] Result<void> check_trust_domain(std::string_view text);
// A SPIFFE ID with a path, in the strict form that is used everywhere; the trust domain must be
// `trust_domain`.
[[nodiscard]] Result<void> check_spiffe_id(std::string_view text, std::string_view trust_domain);
// An absolute path without "." and ".." and without a slash at its end.
[[nodiscard]] Result<void> check_path(std::string_view text);
// The name of a log as signed notes and checkpoints carry it: 1 to 200 visible ASCII characters, none of
// them "+".
[[nodiscard]] Result<void> check_log_name(std::string_view text);
// The name of a user or group as useradd(8) allows it, or a number.
[[nodiscard]] Result<void> check_account(std::string_view text);
// A user, or "group:" and a group, in the forms of check_account.
[[nodiscard]] Result<void> check_user_or_group(std::string_view text);

// The name of `known` that is most like `name`, or empty if none is alike.
[[nodiscard]] std::string nearest(std::string_view name, const std::vector<std::string>& known);

}  // namespace callgate::config
