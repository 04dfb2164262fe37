// The functions and operators of the language: their names, and the types that they are for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cel/environment.hpp"
#include "cel/expression.hpp"
#include "cel/overload.hpp"

namespace callgate::cel {

enum class Function : std::uint16_t {
  negation,  // of a bool
  minus,
  equals,
  differs,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  index,
  contained,
  size,
  contains,
  starts_with,
  ends_with,
  matches,
  to_int,
  to_uint,
  to_double,
  to_bool,
  to_string,
  to_bytes,
  to_timestamp,
  to_duration,
  type_of,
  dyn,
  full_year,
  month,
  date,
  day_of_month,
  day_of_week,
  day_of_year,
  hours,
  minutes,
  seconds,
  milliseconds,
  char_at,
  index_of,
  last_index_of,
  join,
  lower_ascii,
  upper_ascii,
  replace,
  split,
  substring,
  trim,
  reverse,
  quote,
  format,
  greatest,
  least,
  ceil,
  floor,
  round,
  trunc,
  abs,
  sign,
  is_nan,
  is_inf,
  is_finite,
  bit_and,
  bit_or,
  bit_xor,
  bit_not,
  bit_shift_left,
  bit_shift_right,
  sqrt,
};

// Operators have names such as "_+_"; functions of a library the library's, as in "math.greatest".
[[nodiscard]] std::optional<Function> find_function(std::string_view name);
[[nodiscard]] std::string_view function_name(Function function);

[[nodiscard]] std::span<const Overload> overloads_of(Function function);
// Whether it takes any number of numbers, or a list of them.
[[nodiscard]] bool is_variadic(Function function);

// The library that it is of; nothing: the language itself.
[[nodiscard]] std::optional<Library> library_of(Function function);

// Every name that a call can have, for suggestions.
[[nodiscard]] std::vector<std::string_view> function_names();

}  // namespace callgate::cel
