// What small blocks are likely to contain, for zstd to refer to.
//
// Blocks in files were written with it: it never changes. A better one gets a codec of its own.
#pragma once

#include <string>

namespace callgate::payload {

// In zstd's format of dictionaries.
[[nodiscard]] std::string make_dictionary();

}  // namespace callgate::payload
