// Base64 of RFC 4648, section 4, where each value has exactly one spelling.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace callgate::tlog {

[[nodiscard]] std::string to_base64(Bytes bytes);
// Error bad_base64 for anything that to_base64 would not have written.
[[nodiscard]] Result<std::string> from_base64(std::string_view text);

}  // namespace callgate::tlog
