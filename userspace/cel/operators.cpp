// Operators: arithmetic, comparison, indexing.
#include <cmath>

#include "cel/evaluation.hpp"
#include "cel/time_text.hpp"
#include "cel/wide.hpp"

namespace callgate::cel {
namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

Value overflow(Evaluation& evaluation) {
  return evaluation.fail("overflow", "the result is outside of the range of its type");
}

Value arithmetic(Evaluation& evaluation, Function function, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  bool over = false;
  switch (function) {
    case Function::add:
      over = __builtin_add_overflow(left, right, &result);
      break;
    case Function::subtract:
      over = __builtin_sub_overflow(left, right, &result);
      break;
    case Function::multiply:
      over = __builtin_mul_overflow(left, right, &result);
      break;
    case Function::divide:
      if (right == 0) return evaluation.fail("division_by_zero", "a number is divided by zero");
      over = right == -1 && __builtin_sub_overflow(std::int64_t{0}, left, &result);
      if (right != -1) result = left / right;
      break;
    default:
      if (right == 0)
        return evaluation.fail("modulus_by_zero", "there is no remainder of a division by zero");
      over = right == -1 && left == INT64_MIN;
      if (right != -1) result = left % right;
  }
  return over ? overflow(evaluation) : Value::integer(result);
}

Value arithmetic(Evaluation& evaluation, Function function, std::uint64_t left, std::uint64_t right) {
  std::uint64_t result = 0;
  bool over = false;
  switch (function) {
    case Function::add:
      over = __builtin_add_overflow(left, right, &result);
      break;
    case Function::subtract:
      over = __builtin_sub_overflow(left, right, &result);
      break;
    case Function::multiply:
      over = __builtin_mul_overflow(left, right, &result);
      break;
    case Function::divide:
      if (right == 0) return evaluation.fail("division_by_zero", "a number is divided by zero");
      result = left / right;
      break;
    default:
      if (right == 0)
        return evaluation.fail("modulus_by_zero", "there is no remainder of a division by zero");
      result = left % right;
  }
  return over ? overflow(evaluation) : Value::unsigned_integer(result);
}

Value arithmetic(Evaluation& evaluation, Function function, double left, double right) {
  switch (function) {
    case Function::add:
      return Value::real(left + right);
    case Function::subtract:
      return Value::real(left - right);
    case Function::multiply:
      return Value::real(left * right);
    case Function::divide:
      return Value::real(left / right);
    default:
      return evaluation.no_overload();
  }
}

Wide nanoseconds(Time time) {
  return static_cast<Wide>(time.seconds) * nanoseconds_per_second + time.nanoseconds;
}

Value timestamp_of(Evaluation& evaluation, Wide count) {
  // Nanoseconds count upwards, before 1970 too.
  auto seconds = static_cast<std::int64_t>(count / nanoseconds_per_second);
  auto rest = static_cast<std::int32_t>(count % nanoseconds_per_second);
  if (rest < 0) {
    rest += static_cast<std::int32_t>(nanoseconds_per_second);
    --seconds;
  }
  if (seconds < first_second || seconds > last_second)
    return evaluation.fail("range", "the timestamp is outside of the years 1 to 9999");
  return Value::timestamp({seconds, rest});
}

Value duration_of(Evaluation& evaluation, Wide count) {
  // The longest that fits into 64 bits of nanoseconds.
  if (count > INT64_MAX || count < INT64_MIN) return evaluation.fail("range", "the duration is too long");
  return Value::duration({static_cast<std::int64_t>(count / nanoseconds_per_second),
                          static_cast<std::int32_t>(count % nanoseconds_per_second)});
}

// Sums and differences of points and spans of time.
Value time_arithmetic(Evaluation& evaluation, Function function, const Value& left, const Value& right) {
  const bool adds = function == Function::add;
  const Wide first = nanoseconds(left.as_time());
  const Wide second = nanoseconds(right.as_time());
  if (left.is(Kind::timestamp) && right.is(Kind::timestamp))
    return adds ? evaluation.no_overload() : duration_of(evaluation, first - second);
  if (left.is(Kind::duration) && right.is(Kind::duration)) {
    const Wide result = adds ? first + second : first - second;
    const auto seconds = static_cast<std::int64_t>(result / nanoseconds_per_second);
    if (seconds > longest_span || seconds < -longest_span)
      return evaluation.fail("range", "the duration is longer than 10,000 years");
    return Value::duration({seconds, static_cast<std::int32_t>(result % nanoseconds_per_second)});
  }
  if (!adds && left.is(Kind::duration)) return evaluation.no_overload();
  return timestamp_of(evaluation, adds ? first + second : first - second);
}

Value concatenation(Evaluation& evaluation, const Value& left, const Value& right) {
  const std::string_view first = left.as_text();
  const std::string_view second = right.as_text();
  auto* const memory = static_cast<char*>(evaluation.arena().allocate(first.size() + second.size()));
  if (memory == nullptr || !evaluation.charge((first.size() + second.size()) / 64))
    return evaluation.too_expensive();
  std::copy(first.begin(), first.end(), memory);
  std::copy(second.begin(), second.end(), memory + first.size());
  const std::string_view whole(memory, first.size() + second.size());
  return left.is(Kind::string) ? Value::string(whole) : Value::bytes(whole);
}

Value joined_lists(Evaluation& evaluation, const List& left, const List& right) {
  const std::size_t size = left.size() + right.size();
  auto* const values = evaluation.arena().make_array<Value>(size);
  if (values == nullptr || !evaluation.charge(size)) return evaluation.too_expensive();
  for (std::size_t i = 0; i < size; ++i) {
    values[i] =
        i < left.size() ? left.at(i, evaluation.arena()) : right.at(i - left.size(), evaluation.arena());
  }
  const auto* const made = evaluation.arena().make<ValueList>(values, size);
  return made == nullptr ? evaluation.too_expensive() : Value::list(made);
}

bool is_time(const Value& value) {
  return value.is(Kind::timestamp) || value.is(Kind::duration);
}

Value calculate(Evaluation& evaluation, Function function, const Value& left, const Value& right) {
  const bool sums = function == Function::add || function == Function::subtract;
  if (sums && is_time(left) && is_time(right)) return time_arithmetic(evaluation, function, left, right);
  if (left.kind() != right.kind()) return evaluation.no_overload();
  switch (left.kind()) {
    case Kind::integer:
      return arithmetic(evaluation, function, left.as_integer(), right.as_integer());
    case Kind::unsigned_integer:
      return arithmetic(evaluation, function, left.as_unsigned(), right.as_unsigned());
    case Kind::real:
      return arithmetic(evaluation, function, left.as_real(), right.as_real());
    case Kind::string:
    case Kind::bytes:
      if (function == Function::add) return concatenation(evaluation, left, right);
      break;
    case Kind::list:
      if (function == Function::add) return joined_lists(evaluation, left.as_list(), right.as_list());
      break;
    default:
      break;
  }
  return evaluation.no_overload();
}

Value order(Evaluation& evaluation, Function function, const Value& left, const Value& right) {
  std::partial_ordering found = std::partial_ordering::unordered;
  const bool numbers = left.is_number() && right.is_number();
  if (!numbers && left.kind() != right.kind()) return evaluation.no_overload();
  if (numbers) {
    found = compare_numbers(left, right);
  } else if (left.is(Kind::string) || left.is(Kind::bytes)) {
    if (!evaluation.charge(std::min(left.as_text().size(), right.as_text().size()) / 64))
      return evaluation.too_expensive();
    found = left.as_text() <=> right.as_text();
  } else if (left.is(Kind::boolean)) {
    found = left.as_boolean() <=> right.as_boolean();
  } else if (is_time(left)) {
    found = left.as_time() <=> right.as_time();
  } else {
    return evaluation.no_overload();
  }
  switch (function) {
    case Function::less:
      return Value::boolean(found < 0);
    case Function::less_or_equal:
      return Value::boolean(found <= 0);
    case Function::greater:
      return Value::boolean(found > 0);
    default:
      return Value::boolean(found >= 0);
  }
}

// A position in a list; false for what is none.
bool to_position(const Value& value, std::int64_t& position) {
  if (value.is(Kind::integer)) {
    position = value.as_integer();
    return true;
  }
  if (value.is(Kind::unsigned_integer) && value.as_unsigned() <= INT64_MAX) {
    position = static_cast<std::int64_t>(value.as_unsigned());
    return true;
  }
  constexpr double most = 9007199254740992.0;
  if (value.is(Kind::real) && std::abs(value.as_real()) <= most &&
      std::floor(value.as_real()) == value.as_real()) {
    position = static_cast<std::int64_t>(value.as_real());
    return true;
  }
  return false;
}

bool may_be_key(const Value& value) {
  return value.is_number() || value.is(Kind::boolean) || value.is(Kind::string);
}

Value element(Evaluation& evaluation, const Value& of, const Value& index) {
  if (of.is(Kind::map)) {
    if (!may_be_key(index)) return evaluation.no_overload();
    if (!evaluation.charge_lookup(of.as_map(), index)) return evaluation.too_expensive();
    const Value found = of.as_map().find(index, evaluation.arena());
    return found.is(Kind::absent) ? evaluation.fail("no_such_key", "the map does not have the key") : found;
  }
  std::int64_t position = 0;
  if (!of.is(Kind::list) || !to_position(index, position)) return evaluation.no_overload();
  if (position < 0 || static_cast<std::size_t>(position) >= of.as_list().size())
    return evaluation.fail("invalid_argument", "the list does not have so many elements");
  return of.as_list().at(static_cast<std::size_t>(position), evaluation.arena());
}

Value contained(Evaluation& evaluation, const Value& value, const Value& in) {
  if (in.is(Kind::map)) {
    if (!may_be_key(value)) return evaluation.no_overload();
    if (!evaluation.charge_lookup(in.as_map(), value)) return evaluation.too_expensive();
    const Value found = in.as_map().find(value, evaluation.arena());
    return found.is_error() ? found : Value::boolean(!found.is(Kind::absent));
  }
  if (!in.is(Kind::list)) return evaluation.no_overload();
  for (std::size_t i = 0; i < in.as_list().size(); ++i) {
    const Value other = in.as_list().at(i, evaluation.arena());
    if (other.is_error()) return other;
    const bool same = evaluation.are_equal(value, other);
    if (!evaluation.charge(1)) return evaluation.too_expensive();
    if (same) return Value::boolean(true);
  }
  return Value::boolean(false);
}

Value minus(Evaluation& evaluation, const Value& value) {
  if (value.is(Kind::real)) return Value::real(-value.as_real());
  if (!value.is(Kind::integer)) return evaluation.no_overload();
  return arithmetic(evaluation, Function::subtract, std::int64_t{0}, value.as_integer());
}

}  // namespace

Value apply_operator(Evaluation& evaluation, Function function, std::span<const Value> arguments) {
  const Value& left = arguments[0];
  switch (function) {
    case Function::negation:
      return left.is(Kind::boolean) ? Value::boolean(!left.as_boolean()) : evaluation.no_overload();
    case Function::minus:
      return minus(evaluation, left);
    case Function::equals:
    case Function::differs: {
      const bool same = evaluation.are_equal(left, arguments[1]);
      if (!evaluation.charge(0)) return evaluation.too_expensive();
      return Value::boolean(same == (function == Function::equals));
    }
    case Function::less:
    case Function::less_or_equal:
    case Function::greater:
    case Function::greater_or_equal:
      return order(evaluation, function, left, arguments[1]);
    case Function::index:
      return element(evaluation, left, arguments[1]);
    case Function::contained:
      return contained(evaluation, left, arguments[1]);
    default:
      return calculate(evaluation, function, left, arguments[1]);
  }
}

}  // namespace callgate::cel
