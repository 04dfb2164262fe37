// What is written out in an expression, read once, before it is evaluated.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cel/expression.hpp"
#include "cel/lexer.hpp"

namespace callgate::cel {

// The value of a token that is a number; false, and `why` and `hint` set, where it is too large.
[[nodiscard]] bool read_number(const Token& token, bool negative, Value& value, std::string& why,
                               std::string& hint);

// The issue of a literal argument that the called function cannot read: a pattern, time, duration or time
// zone. A pattern is compiled into the call. `patterns` is the work that all patterns of an expression are,
// and is limited.
[[nodiscard]] std::optional<Issue> check_literal_argument(Expression& call, std::size_t& patterns);

}  // namespace callgate::cel
