// CRC-32C (Castagnoli, as in RFC 3720): finds torn and damaged writes in files. It is no protection against
// intent.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace callgate {

// The checksum of `bytes`; pass the checksum of what came before to go on.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);

}  // namespace callgate
