// Which function is implemented where; and the parts of times.
#include "cel/evaluation.hpp"
#include "cel/text.hpp"
#include "cel/time_text.hpp"

namespace callgate::cel {
namespace {

Value size_of(Evaluation& evaluation, const Value& value) {
  switch (value.kind()) {
    case Kind::string:
      if (!evaluation.charge(value.as_text().size() / 64)) return evaluation.too_expensive();
      return Value::integer(static_cast<std::int64_t>(count_points(value.as_text())));
    case Kind::bytes:
      return Value::integer(static_cast<std::int64_t>(value.as_text().size()));
    case Kind::list:
      return Value::integer(static_cast<std::int64_t>(value.as_list().size()));
    case Kind::map:
      return Value::integer(static_cast<std::int64_t>(value.as_map().size()));
    default:
      return evaluation.no_overload();
  }
}

// Part of a duration.
Value part_of_span(Evaluation& evaluation, Function function, Time span) {
  switch (function) {
    case Function::hours:
      return Value::integer(span.seconds / 3600);
    case Function::minutes:
      return Value::integer(span.seconds / 60);
    case Function::seconds:
      return Value::integer(span.seconds);
    case Function::milliseconds:
      return Value::integer(span.nanoseconds / 1'000'000);
    default:
      return evaluation.no_overload();
  }
}

std::int64_t part_of_civil(Function function, const Civil& civil) {
  switch (function) {
    case Function::full_year:
      return civil.year;
    case Function::month:
      return civil.month;
    case Function::date:
      return civil.day;
    case Function::day_of_month:
      return civil.day - 1;
    case Function::day_of_week:
      return civil.weekday;
    case Function::day_of_year:
      return civil.year_day;
    case Function::hours:
      return civil.hour;
    case Function::minutes:
      return civil.minute;
    default:
      return civil.second;
  }
}

}  // namespace

Value apply_time(Evaluation& evaluation, Function function, std::span<const Value> arguments) {
  if (arguments[0].is(Kind::duration) && arguments.size() == 1)
    return part_of_span(evaluation, function, arguments[0].as_time());
  if (!arguments[0].is(Kind::timestamp) || arguments.size() > 2) return evaluation.no_overload();
  if (arguments.size() == 2 && !arguments[1].is(Kind::string)) return evaluation.no_overload();
  const Time time = arguments[0].as_time();
  if (!evaluation.charge(4)) return evaluation.too_expensive();
  const auto civil = civil_time(time, arguments.size() == 2 ? arguments[1].as_text() : std::string_view{});
  if (!civil) return evaluation.fail("invalid_argument", "there is no such time zone");
  if (function == Function::milliseconds) return Value::integer(time.nanoseconds / 1'000'000);
  return Value::integer(part_of_civil(function, *civil));
}

Value apply(Evaluation& evaluation, const Expression& call, std::span<const Value> arguments) {
  const Function function = call.function;
  if (arguments.empty()) return evaluation.no_overload();
  if (function <= Function::contained) {
    const bool one = function == Function::negation || function == Function::minus;
    if (arguments.size() != (one ? 1 : 2)) return evaluation.no_overload();
    return apply_operator(evaluation, function, arguments);
  }
  if (function == Function::size)
    return arguments.size() == 1 ? size_of(evaluation, arguments[0]) : evaluation.no_overload();
  if (function >= Function::to_int && function <= Function::dyn)
    return arguments.size() == 1 ? apply_conversion(evaluation, function, arguments[0])
                                 : evaluation.no_overload();
  if (function >= Function::full_year && function <= Function::milliseconds)
    return apply_time(evaluation, function, arguments);
  if (function >= Function::greatest) return apply_math(evaluation, function, arguments);
  return apply_string(evaluation, call, arguments);
}

}  // namespace callgate::cel
