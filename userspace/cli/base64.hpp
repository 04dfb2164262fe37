// Base64 with padding, on one line (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

namespace callgate::cli {

[[nodiscard]] std::string to_base64(std::string_view bytes);

}  // namespace callgate::cli
