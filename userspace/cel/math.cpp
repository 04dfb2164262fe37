// Functions of numbers.
#include <cmath>

#include "cel/evaluation.hpp"

namespace callgate::cel {
namespace {

Value extreme(Evaluation& evaluation, bool greatest, std::span<const Value> values) {
  Value found;
  for (const Value& value : values) {
    if (!value.is_number()) return value.is_error() ? value : evaluation.no_overload();
    const bool better = found.is(Kind::absent) ||
                        (greatest ? compare_numbers(value, found) > 0 : compare_numbers(value, found) < 0);
    if (better) found = value;
  }
  return found.is(Kind::absent) ? evaluation.fail("invalid_argument", "the list is empty") : found;
}

Value extreme_of(Evaluation& evaluation, bool greatest, std::span<const Value> arguments) {
  if (arguments.size() != 1 || !arguments[0].is(Kind::list)) return extreme(evaluation, greatest, arguments);
  const List& list = arguments[0].as_list();
  auto* const values = evaluation.arena().make_array<Value>(list.size());
  if (values == nullptr || !evaluation.charge(list.size())) return evaluation.too_expensive();
  for (std::size_t i = 0; i < list.size(); ++i)
    values[i] = list.at(i, evaluation.arena());
  return extreme(evaluation, greatest, {values, list.size()});
}

Value of_real(Evaluation& evaluation, Function function, double value) {
  switch (function) {
    case Function::ceil:
      return Value::real(std::ceil(value));
    case Function::floor:
      return Value::real(std::floor(value));
    case Function::round:
      return Value::real(std::round(value));
    case Function::trunc:
      return Value::real(std::trunc(value));
    case Function::abs:
      return Value::real(std::abs(value));
    case Function::sign:
      return Value::real(std::isnan(value) ? value : value > 0 ? 1 : value < 0 ? -1 : 0);
    case Function::is_nan:
      return Value::boolean(std::isnan(value));
    case Function::is_inf:
      return Value::boolean(std::isinf(value));
    case Function::is_finite:
      return Value::boolean(std::isfinite(value));
    case Function::sqrt:
      return Value::real(std::sqrt(value));
    default:
      return evaluation.no_overload();
  }
}

Value of_integer(Evaluation& evaluation, Function function, std::int64_t value) {
  switch (function) {
    case Function::abs:
      if (value == INT64_MIN)
        return evaluation.fail("overflow", "the result is outside of the range of its type");
      return Value::integer(value < 0 ? -value : value);
    case Function::sign:
      return Value::integer(value > 0 ? 1 : value < 0 ? -1 : 0);
    case Function::sqrt:
      return Value::real(std::sqrt(static_cast<double>(value)));
    case Function::bit_not:
      return Value::integer(~value);
    default:
      return evaluation.no_overload();
  }
}

Value of_natural(Evaluation& evaluation, Function function, std::uint64_t value) {
  switch (function) {
    case Function::abs:
      return Value::unsigned_integer(value);
    case Function::sign:
      return Value::unsigned_integer(value > 0 ? 1 : 0);
    case Function::sqrt:
      return Value::real(std::sqrt(static_cast<double>(value)));
    case Function::bit_not:
      return Value::unsigned_integer(~value);
    default:
      return evaluation.no_overload();
  }
}

std::uint64_t shifted(Function function, std::uint64_t value, std::uint64_t by) {
  if (by >= 64) return 0;
  return function == Function::bit_shift_left ? value << by : value >> by;
}

std::uint64_t combined(Function function, std::uint64_t left, std::uint64_t right) {
  if (function == Function::bit_and) return left & right;
  return function == Function::bit_or ? left | right : left ^ right;
}

Value of_two(Evaluation& evaluation, Function function, const Value& left, const Value& right) {
  const bool is_integer = left.is(Kind::integer);
  if (!is_integer && !left.is(Kind::unsigned_integer)) return evaluation.no_overload();
  const std::uint64_t value = is_integer ? static_cast<std::uint64_t>(left.as_integer()) : left.as_unsigned();
  std::uint64_t result = 0;
  if (function == Function::bit_shift_left || function == Function::bit_shift_right) {
    if (!right.is(Kind::integer)) return evaluation.no_overload();
    if (right.as_integer() < 0) return evaluation.fail("invalid_argument", "a shift must not be negative");
    result = shifted(function, value, static_cast<std::uint64_t>(right.as_integer()));
  } else {
    if (right.kind() != left.kind() || function < Function::bit_and || function > Function::bit_xor)
      return evaluation.no_overload();
    result = combined(function, value,
                      is_integer ? static_cast<std::uint64_t>(right.as_integer()) : right.as_unsigned());
  }
  return is_integer ? Value::integer(static_cast<std::int64_t>(result)) : Value::unsigned_integer(result);
}

}  // namespace

Value apply_math(Evaluation& evaluation, Function function, std::span<const Value> arguments) {
  if (is_variadic(function)) return extreme_of(evaluation, function == Function::greatest, arguments);
  if (arguments.size() == 2) return of_two(evaluation, function, arguments[0], arguments[1]);
  if (arguments.size() != 1) return evaluation.no_overload();
  const Value& value = arguments[0];
  if (value.is(Kind::real)) return of_real(evaluation, function, value.as_real());
  if (value.is(Kind::integer)) return of_integer(evaluation, function, value.as_integer());
  if (value.is(Kind::unsigned_integer)) return of_natural(evaluation, function, value.as_unsigned());
  return evaluation.no_overload();
}

}  // namespace callgate::cel
