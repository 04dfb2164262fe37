#include "cel/literal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <re2/re2.h>

#include "cel/functions.hpp"
#include "cel/pattern.hpp"
#include "cel/time_text.hpp"

namespace callgate::cel {
namespace {

// Instructions of all patterns of an expression: some mebibytes.
constexpr std::size_t most_pattern_work = 100'000;
constexpr std::size_t work_of_any_pattern = 500;

std::string check_pattern(Expression& call, const std::string& text, std::size_t& patterns) {
  std::string why;
  patterns += work_of_any_pattern;
  if (patterns > most_pattern_work) return "the expression has too many patterns, or too large ones";
  call.pattern = compile_pattern(text, why);
  if (!call.pattern) return "the pattern cannot be used: " + why;
  patterns += static_cast<std::size_t>(std::max(call.pattern->ProgramSize(), 0));
  return {};
}

}  // namespace

bool read_number(const Token& token, bool negative, Value& value, std::string& why, std::string& hint) {
  why = "the number is too large";
  if (token.kind == Token::Kind::real) {
    const double read = std::strtod(token.text.c_str(), nullptr);
    value = Value::real(negative ? -read : read);
    return !std::isinf(read);
  }
  const bool hexadecimal = token.text.size() > 1 && (token.text[1] == 'x' || token.text[1] == 'X');
  const char* const first = token.text.data() + (hexadecimal ? 2 : 0);
  const char* const last = token.text.data() + token.text.size();
  std::uint64_t read = 0;
  const bool fits = std::from_chars(first, last, read, hexadecimal ? 16 : 10).ec == std::errc{};
  if (token.kind == Token::Kind::natural) {
    value = Value::unsigned_integer(read);
    return fits;
  }
  hint = "write it as a double, as in 1e20";
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  value = Value::integer(static_cast<std::int64_t>(negative ? 0 - read : read));
  return fits && read <= most + (negative ? 1 : 0);
}

std::optional<Issue> check_literal_argument(Expression& call, std::size_t& patterns) {
  const Expression* literal = call.arguments.empty() ? nullptr : call.arguments.back().get();
  const bool is_text =
      literal != nullptr && literal->form == Expression::Form::literal && literal->value.is(Kind::string);
  if (!is_text) return std::nullopt;
  const std::string& text = literal->text;
  const auto wrong = [&](std::string message, std::string hint) -> std::optional<Issue> {
    return Issue{literal->line, literal->column, std::move(message), std::move(hint)};
  };
  const std::string shown = "`" + shortened(text) + "`";
  if (call.function == Function::matches) {
    auto why = check_pattern(call, text, patterns);
    if (!why.empty()) return wrong(std::move(why), {});
  } else if (call.function == Function::to_timestamp) {
    if (!parse_timestamp(text)) return wrong(shown + " is no timestamp", "write \"2026-11-26T07:30:00Z\"");
  } else if (call.function == Function::to_duration) {
    if (!parse_duration(text))
      return wrong(shown + " is no duration", "write \"90s\", \"1h30m\" or \"250ms\"");
  } else if (call.function >= Function::full_year && call.function <= Function::milliseconds) {
    if (!is_time_zone(text))
      return wrong(shown + " is no time zone", "write \"Europe/Berlin\", \"UTC\" or \"+01:00\"");
  }
  return std::nullopt;
}

}  // namespace callgate::cel
