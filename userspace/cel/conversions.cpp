// Conversions between types, and the messages that are values.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "cel/evaluation.hpp"
#include "cel/text.hpp"
#include "cel/time_text.hpp"
#include "cel/well_known.hpp"

namespace callgate::cel {
namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

Value out_of_range(Evaluation& evaluation) {
  return evaluation.fail("range", "the value does not fit into the type");
}
Value unreadable(Evaluation& evaluation) {
  return evaluation.fail("invalid_argument", "the text is no such value");
}

template <typename Number>
bool read_whole(std::string_view text, Number& number) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

Value to_int(Evaluation& evaluation, const Value& value) {
  switch (value.kind()) {
    case Kind::integer:
      return value;
    case Kind::unsigned_integer:
      if (value.as_unsigned() > INT64_MAX) return out_of_range(evaluation);
      return Value::integer(static_cast<std::int64_t>(value.as_unsigned()));
    case Kind::real:
      // The bounds themselves are out: what is there may have been rounded.
      if (!(value.as_real() > -9223372036854775808.0 && value.as_real() < 9223372036854775808.0))
        return out_of_range(evaluation);
      return Value::integer(static_cast<std::int64_t>(value.as_real()));
    case Kind::string: {
      std::int64_t number = 0;
      return read_whole(value.as_text(), number) ? Value::integer(number) : unreadable(evaluation);
    }
    case Kind::timestamp:
      return Value::integer(value.as_time().seconds);
    default:
      return evaluation.no_overload();
  }
}

Value to_uint(Evaluation& evaluation, const Value& value) {
  switch (value.kind()) {
    case Kind::unsigned_integer:
      return value;
    case Kind::integer:
      if (value.as_integer() < 0) return out_of_range(evaluation);
      return Value::unsigned_integer(static_cast<std::uint64_t>(value.as_integer()));
    case Kind::real:
      if (!(value.as_real() >= 0 && value.as_real() < 18446744073709551616.0))
        return out_of_range(evaluation);
      return Value::unsigned_integer(static_cast<std::uint64_t>(value.as_real()));
    case Kind::string: {
      std::uint64_t number = 0;
      return read_whole(value.as_text(), number) ? Value::unsigned_integer(number) : unreadable(evaluation);
    }
    default:
      return evaluation.no_overload();
  }
}

Value to_double(Evaluation& evaluation, const Value& value) {
  switch (value.kind()) {
    case Kind::real:
      return value;
    case Kind::integer:
      return Value::real(static_cast<double>(value.as_integer()));
    case Kind::unsigned_integer:
      return Value::real(static_cast<double>(value.as_unsigned()));
    case Kind::string: {
      const std::string text(value.as_text());
      char* end = nullptr;
      const double number = std::strtod(text.c_str(), &end);
      const bool plain = !text.empty() && end == text.c_str() + text.size() &&
                         text.find_first_of("xXpP( \t\n\v\f\r") == std::string::npos;
      return plain ? Value::real(number) : unreadable(evaluation);
    }
    default:
      return evaluation.no_overload();
  }
}

Value to_bool(Evaluation& evaluation, const Value& value) {
  if (value.is(Kind::boolean)) return value;
  if (!value.is(Kind::string)) return evaluation.no_overload();
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (value.as_text() == yes) return Value::boolean(true);
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (value.as_text() == no) return Value::boolean(false);
  }
  return unreadable(evaluation);
}

Value to_string(Evaluation& evaluation, const Value& value) {
  switch (value.kind()) {
    case Kind::string:
      return value;
    case Kind::bytes:
      if (!is_utf8(value.as_text())) return evaluation.fail("invalid_argument", "the bytes are not UTF-8");
      return Value::string(value.as_text());
    case Kind::boolean:
      return Value::string(value.as_boolean() ? "true" : "false");
    case Kind::integer:
      return evaluation.string(std::to_string(value.as_integer()));
    case Kind::unsigned_integer:
      return evaluation.string(std::to_string(value.as_unsigned()));
    case Kind::real:
      return evaluation.string(real_text(value.as_real()));
    case Kind::timestamp:
      return evaluation.string(timestamp_text(value.as_time()));
    case Kind::duration:
      return evaluation.string(duration_text(value.as_time()));
    default:
      return evaluation.no_overload();
  }
}

Value to_timestamp(Evaluation& evaluation, const Value& value) {
  if (value.is(Kind::timestamp)) return value;
  if (value.is(Kind::integer)) {
    if (value.as_integer() < first_second || value.as_integer() > last_second)
      return out_of_range(evaluation);
    return Value::timestamp({value.as_integer(), 0});
  }
  if (!value.is(Kind::string)) return evaluation.no_overload();
  const auto time = parse_timestamp(value.as_text());
  return time ? Value::timestamp(*time) : unreadable(evaluation);
}

Value to_duration(Evaluation& evaluation, const Value& value) {
  if (value.is(Kind::duration)) return value;
  if (!value.is(Kind::string)) return evaluation.no_overload();
  const auto span = parse_duration(value.as_text());
  return span ? Value::duration(*span) : unreadable(evaluation);
}

// A number of protobuf's narrower types.
Value narrowed(Evaluation& evaluation, WellKnown message, const Value& value) {
  const auto fits = [&](auto least, auto most) {
    return std::partial_ordering::less != compare_numbers(value, Value::real(static_cast<double>(least))) &&
           std::partial_ordering::greater != compare_numbers(value, Value::real(static_cast<double>(most)));
  };
  switch (message) {
    case WellKnown::int32_value:
      return fits(INT32_MIN, INT32_MAX) ? value : out_of_range(evaluation);
    case WellKnown::uint32_value:
      return fits(0, UINT32_MAX) ? value : out_of_range(evaluation);
    case WellKnown::float_value:
      return Value::real(static_cast<double>(static_cast<float>(value.as_real())));
    default:
      return value;
  }
}

Value default_of(WellKnown message) {
  switch (message) {
    case WellKnown::bool_value:
      return Value::boolean(false);
    case WellKnown::bytes_value:
      return Value::bytes({});
    case WellKnown::double_value:
    case WellKnown::float_value:
      return Value::real(0);
    case WellKnown::int32_value:
    case WellKnown::int64_value:
      return Value::integer(0);
    case WellKnown::uint32_value:
    case WellKnown::uint64_value:
      return Value::unsigned_integer(0);
    case WellKnown::string_value:
      return Value::string({});
    case WellKnown::list_value: {
      static const ValueList none(nullptr, 0);
      return Value::list(&none);
    }
    case WellKnown::structure: {
      static const ValueMap none(nullptr, 0);
      return Value::map(&none);
    }
    default:
      return Value::null();
  }
}

}  // namespace

Value apply_conversion(Evaluation& evaluation, Function function, const Value& argument) {
  const bool reads = argument.is(Kind::string) || argument.is(Kind::bytes);
  if (reads && function != Function::type_of && function != Function::dyn &&
      !evaluation.charge(argument.as_text().size() / 16)) {
    return evaluation.too_expensive();
  }
  switch (function) {
    case Function::to_int:
      return to_int(evaluation, argument);
    case Function::to_uint:
      return to_uint(evaluation, argument);
    case Function::to_double:
      return to_double(evaluation, argument);
    case Function::to_bool:
      return to_bool(evaluation, argument);
    case Function::to_string:
      return to_string(evaluation, argument);
    case Function::to_bytes:
      if (argument.is(Kind::bytes)) return argument;
      return argument.is(Kind::string) ? Value::bytes(argument.as_text()) : evaluation.no_overload();
    case Function::to_timestamp:
      return to_timestamp(evaluation, argument);
    case Function::to_duration:
      return to_duration(evaluation, argument);
    case Function::type_of:
      return Value::type(type_name(argument));
    default:
      return argument;  // dyn()
  }
}

Value make_well_known(Evaluation& evaluation, std::size_t message, std::span<const Entry> fields) {
  const auto kind = static_cast<WellKnown>(message);
  if (kind == WellKnown::timestamp || kind == WellKnown::duration) {
    Time time;
    for (const Entry& field : fields) {
      if (!field.value.is(Kind::integer)) return evaluation.no_overload();
      if (field.key.as_text() == "seconds") {
        time.seconds = field.value.as_integer();
      } else if (field.key.as_text() == "nanos" && field.value.as_integer() > -nanoseconds_per_second &&
                 field.value.as_integer() < nanoseconds_per_second) {
        time.nanoseconds = static_cast<std::int32_t>(field.value.as_integer());
      } else {
        return out_of_range(evaluation);
      }
    }
    if (kind == WellKnown::timestamp) {
      if (time.seconds < first_second || time.seconds > last_second || time.nanoseconds < 0)
        return out_of_range(evaluation);
      return Value::timestamp(time);
    }
    const bool contradicts =
        (time.seconds > 0 && time.nanoseconds < 0) || (time.seconds < 0 && time.nanoseconds > 0);
    if (time.seconds > longest_span || time.seconds < -longest_span || contradicts)
      return out_of_range(evaluation);
    return Value::duration(time);
  }
  Value made = default_of(kind);
  for (const Entry& field : fields) {
    const auto wanted = field_type(kind, field.key.as_text());
    if (!wanted) return evaluation.fail("no_such_field", "the message has no such field");
    const Value fallback =
        kind == WellKnown::value && field.key.as_text() == "null_value" ? Value::null() : made;
    const bool same = kind == WellKnown::value || field.value.kind() == fallback.kind();
    if (!same) return evaluation.no_overload();
    made = kind == WellKnown::value && field.key.as_text() == "null_value"
               ? Value::null()
               : narrowed(evaluation, kind, field.value);
  }
  return made;
}

}  // namespace callgate::cel
