// What a reader says about an input, as text: two ways to feed the same bytes must give the same transcript.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

// The input in pieces that end at `cuts` (ascending; the last piece ends with the input).
using Cuts = std::vector<std::size_t>;

// Pieces of body are joined, so that the transcript does not depend on cuts. Each step() gets its bytes at a
// new place, in memory of exactly their size. A reader that breaks its contract (consumes more than there is,
// or consumes when it needs more) ends the program.
[[nodiscard]] std::string transcribe_requests(std::string_view input, const Cuts& cuts = {},
                                              const Limits& limits = {});

// As above; `methods` are announced first. With `closed` the connection ends after the input.
[[nodiscard]] std::string transcribe_responses(std::string_view input,
                                               const std::vector<std::string>& methods, bool closed,
                                               const Cuts& cuts = {}, const Limits& limits = {});

// Cuts after every byte.
[[nodiscard]] Cuts every_byte(std::string_view input);

}  // namespace callgate::http1
