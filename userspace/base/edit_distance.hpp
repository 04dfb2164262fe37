// How far two words are apart, for suggestions.
#pragma once

#include <cstddef>
#include <string_view>

namespace callgate {

// Letters to add, remove or change, a swap of neighbours counting once. Time: the product of the sizes, so
// short words only.
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

}  // namespace callgate
