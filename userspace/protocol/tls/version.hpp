// Versions of TLS, as they stand in hellos.
#pragma once

#include <cstdint>
#include <string>

namespace callgate::tls {

inline constexpr std::uint16_t version_1_2 = 0x0303;
inline constexpr std::uint16_t version_1_3 = 0x0304;

// "TLSv1.3"; "0x0305" for what has no name.
[[nodiscard]] std::string version_name(std::uint16_t version);

}  // namespace callgate::tls
