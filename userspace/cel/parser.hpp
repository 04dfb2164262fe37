// Tokens to an expression; macros become loops.
#pragma once

#include <memory>
#include <string_view>

#include "cel/expression.hpp"

namespace callgate::cel {

struct ParseLimits {
  std::size_t source = 64U << 10U;  // bytes
  std::size_t nodes = 20'000;
  std::uint16_t depth = 250;  // of the tree: of brackets, and of operators one after the other
};

// Null where the source is no expression, and `issue` says why.
[[nodiscard]] std::unique_ptr<Expression> parse(std::string_view source, const ParseLimits& limits,
                                                Issue& issue);

}  // namespace callgate::cel
