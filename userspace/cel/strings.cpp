// Functions of strings.
#include <algorithm>
#include <array>
#include <string>

#include <re2/re2.h>

#include "cel/evaluation.hpp"
#include "cel/pattern.hpp"
#include "cel/text.hpp"

namespace callgate::cel {
namespace {

constexpr std::size_t npos = std::string_view::npos;

Value bad_index(Evaluation& evaluation) {
  return evaluation.fail("invalid_argument", "the text does not have so many characters");
}

// What reading a text once costs.
std::size_t reading(std::string_view text) {
  return text.size() / 64;
}

Value matches(Evaluation& evaluation, const Expression& call, std::string_view text,
              std::string_view pattern) {
  if (call.pattern) {
    if (!evaluation.charge(matching_cost(*call.pattern, text))) return evaluation.too_expensive();
    return Value::boolean(found_in(*call.pattern, text));
  }
  // Making a pattern costs milliseconds at its worst.
  constexpr std::size_t compilation = 2000;
  if (!evaluation.charge(compilation + pattern.size())) return evaluation.too_expensive();
  std::string why;
  const auto compiled = compile_pattern(pattern, why);
  if (!compiled) return evaluation.fail("invalid_argument", "the pattern cannot be used");
  if (!evaluation.charge(matching_cost(*compiled, text))) return evaluation.too_expensive();
  return Value::boolean(found_in(*compiled, text));
}

// The offset of the code point number `index`, or npos for what is none.
std::size_t offset_of(std::string_view text, std::int64_t index) {
  return index < 0 ? npos : point_offset(text, static_cast<std::size_t>(index));
}

Value char_at(Evaluation& evaluation, std::string_view text, std::int64_t index) {
  const auto from = offset_of(text, index);
  if (from == npos) return bad_index(evaluation);
  const auto rest = text.substr(from);
  return Value::string(rest.empty() ? rest : rest.substr(0, point_offset(rest, 1)));
}

Value substring(Evaluation& evaluation, std::string_view text, std::int64_t first,
                std::optional<std::int64_t> last) {
  const auto from = offset_of(text, first);
  const auto to = last ? offset_of(text, *last) : text.size();
  if (from == npos || to == npos) return bad_index(evaluation);
  if (from > to) return evaluation.fail("invalid_argument", "the part ends before it begins");
  return Value::string(text.substr(from, to - from));
}

// A place in a text as the number of its code point; -1 for none.
Value place(std::string_view text, std::size_t offset) {
  if (offset == npos) return Value::integer(-1);
  return Value::integer(static_cast<std::int64_t>(count_points(text.substr(0, offset))));
}

Value index_of(Evaluation& evaluation, std::string_view text, std::string_view wanted, std::int64_t from) {
  const auto start = offset_of(text, from);
  if (start == npos) return bad_index(evaluation);
  return place(text, find_text(text, wanted, start));
}

Value last_index_of(Evaluation& evaluation, std::string_view text, std::string_view wanted,
                    std::optional<std::int64_t> from) {
  const auto last = from ? offset_of(text, *from) : text.size();
  if (last == npos) return bad_index(evaluation);
  // Searching backwards compares `wanted` at every place, at its worst.
  if (!evaluation.charge(text.size() / 16 * (1 + wanted.size() / 64))) return evaluation.too_expensive();
  return place(text, text.rfind(wanted, last));
}

Value join(Evaluation& evaluation, const List& list, std::string_view separator) {
  std::string joined;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value element = list.at(i, evaluation.arena());
    if (!element.is(Kind::string)) return element.is_error() ? element : evaluation.no_overload();
    if (!evaluation.charge(1 + (element.as_text().size() + separator.size()) / 16))
      return evaluation.too_expensive();
    if (i > 0) joined += separator;
    joined += element.as_text();
  }
  return evaluation.string(joined);
}

Value with_case(Evaluation& evaluation, std::string_view text, char first, char last, int shift) {
  std::string changed(text);
  for (char& c : changed) {
    if (c >= first && c <= last) c = static_cast<char>(c + shift);
  }
  return evaluation.string(changed);
}

Value replace(Evaluation& evaluation, std::string_view text, std::string_view from, std::string_view to,
              std::int64_t limit) {
  std::string changed;
  std::size_t at = 0;
  // Between all characters, where what is replaced is nothing.
  for (std::int64_t count = 0; limit < 0 || count < limit; ++count) {
    if (!evaluation.charge(1 + to.size() / 16)) return evaluation.too_expensive();
    if (from.empty()) {
      changed += to;
      if (at == text.size()) break;
      const auto size = point_offset(text.substr(at), 1);
      changed += text.substr(at, size);
      at += size;
      continue;
    }
    const auto found = find_text(text, from, at);
    if (found == std::string_view::npos) break;
    changed += text.substr(at, found - at);
    changed += to;
    at = found + from.size();
  }
  changed += text.substr(at);
  return evaluation.string(changed);
}

Value split(Evaluation& evaluation, std::string_view text, std::string_view separator, std::int64_t limit) {
  std::vector<Value> parts;
  if (limit == 0) return evaluation.list(parts);
  for (;;) {
    if (!evaluation.charge(2)) return evaluation.too_expensive();
    const bool last = limit > 0 && parts.size() + 1 == static_cast<std::size_t>(limit);
    std::size_t end =
        separator.empty() ? (text.empty() ? 0 : point_offset(text, 1)) : find_text(text, separator);
    if (separator.empty() && end >= text.size()) end = std::string_view::npos;
    if (last || end == std::string_view::npos) break;
    parts.push_back(Value::string(text.substr(0, end)));
    text.remove_prefix(end + separator.size());
  }
  if (!separator.empty() || !text.empty()) parts.push_back(Value::string(text));
  return evaluation.list(parts);
}

// White space of Unicode.
bool is_space(std::string_view point) {
  static constexpr std::array<std::string_view, 25> spaces{
      "\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u0085", "\u00a0", "\u1680",
      "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
      "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
  return std::find(spaces.begin(), spaces.end(), point) != spaces.end();
}

Value trim(std::string_view text) {
  while (!text.empty()) {
    const auto size = point_offset(text, 1);
    if (!is_space(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  while (!text.empty()) {
    const auto last = last_point(text);
    if (!is_space(text.substr(last))) break;
    text = text.substr(0, last);
  }
  return Value::string(text);
}

Value reverse(Evaluation& evaluation, std::string_view text) {
  std::string reversed;
  while (!text.empty()) {
    const auto last = last_point(text);
    reversed += text.substr(last);
    text = text.substr(0, last);
  }
  return evaluation.string(reversed);
}

Value quote(Evaluation& evaluation, std::string_view text) {
  static constexpr std::string_view special = "\a\b\f\n\r\t\v\\\"";
  static constexpr std::string_view letters = "abfnrtv\\\"";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto found = c == '\0' ? std::string_view::npos : special.find(c);
    if (found != std::string_view::npos) {
      quoted += '\\';
      quoted += letters[found];
    } else {
      quoted += c;
    }
  }
  return evaluation.string(quoted + "\"");
}

bool have_kinds(std::span<const Value> arguments, std::initializer_list<Kind> kinds) {
  return arguments.size() == kinds.size() &&
         std::equal(arguments.begin(), arguments.end(), kinds.begin(),
                    [](const Value& value, Kind kind) { return value.is(kind); });
}

// Functions that count characters.
Value apply_to_points(Evaluation& evaluation, Function function, std::span<const Value> arguments) {
  using enum Kind;
  const std::string_view text = arguments[0].as_text();
  const bool with_number = have_kinds(arguments, {string, integer});
  const bool with_text = have_kinds(arguments, {string, string});
  const bool with_both = have_kinds(arguments, {string, string, integer});
  switch (function) {
    case Function::char_at:
      if (with_number) return char_at(evaluation, text, arguments[1].as_integer());
      break;
    case Function::substring:
      if (with_number) return substring(evaluation, text, arguments[1].as_integer(), std::nullopt);
      if (have_kinds(arguments, {string, integer, integer}))
        return substring(evaluation, text, arguments[1].as_integer(), arguments[2].as_integer());
      break;
    case Function::index_of:
      if (with_text) return index_of(evaluation, text, arguments[1].as_text(), 0);
      if (with_both) return index_of(evaluation, text, arguments[1].as_text(), arguments[2].as_integer());
      break;
    case Function::last_index_of:
      if (with_text) return last_index_of(evaluation, text, arguments[1].as_text(), std::nullopt);
      if (with_both)
        return last_index_of(evaluation, text, arguments[1].as_text(), arguments[2].as_integer());
      break;
    case Function::trim:
      if (arguments.size() == 1) return trim(text);
      break;
    default:
      if (arguments.size() == 1) return reverse(evaluation, text);
  }
  return evaluation.no_overload();
}

}  // namespace

Value apply_string(Evaluation& evaluation, const Expression& call, std::span<const Value> arguments) {
  using enum Kind;
  const Value& first = arguments[0];
  if (call.function == Function::join) {
    if (have_kinds(arguments, {list})) return join(evaluation, first.as_list(), {});
    if (have_kinds(arguments, {list, string}))
      return join(evaluation, first.as_list(), arguments[1].as_text());
    return evaluation.no_overload();
  }
  if (!first.is(string)) return evaluation.no_overload();
  const std::string_view text = first.as_text();
  const bool with_text = have_kinds(arguments, {string, string});
  std::size_t cost = reading(text);
  for (const Value& argument : arguments.subspan(1)) {
    if (argument.is(string)) cost += reading(argument.as_text());
  }
  // All of these read their texts a few times at most.
  if (!evaluation.charge(2 * cost)) return evaluation.too_expensive();
  switch (call.function) {
    case Function::contains:
      if (with_text) return Value::boolean(find_text(text, arguments[1].as_text()) != npos);
      break;
    case Function::starts_with:
      if (with_text) return Value::boolean(text.starts_with(arguments[1].as_text()));
      break;
    case Function::ends_with:
      if (with_text) return Value::boolean(text.ends_with(arguments[1].as_text()));
      break;
    case Function::matches:
      if (with_text) return matches(evaluation, call, text, arguments[1].as_text());
      break;
    case Function::lower_ascii:
      if (arguments.size() == 1) return with_case(evaluation, text, 'A', 'Z', 'a' - 'A');
      break;
    case Function::upper_ascii:
      if (arguments.size() == 1) return with_case(evaluation, text, 'a', 'z', 'A' - 'a');
      break;
    case Function::replace:
      if (have_kinds(arguments, {string, string, string}))
        return replace(evaluation, text, arguments[1].as_text(), arguments[2].as_text(), -1);
      if (have_kinds(arguments, {string, string, string, integer})) {
        return replace(evaluation, text, arguments[1].as_text(), arguments[2].as_text(),
                       arguments[3].as_integer());
      }
      break;
    case Function::split:
      if (with_text) return split(evaluation, text, arguments[1].as_text(), -1);
      if (have_kinds(arguments, {string, string, integer}))
        return split(evaluation, text, arguments[1].as_text(), arguments[2].as_integer());
      break;
    case Function::quote:
      if (arguments.size() == 1) return quote(evaluation, text);
      break;
    case Function::format:
      if (have_kinds(arguments, {string, list}))
        return apply_format(evaluation, text, arguments[1].as_list());
      break;
    default:
      return apply_to_points(evaluation, call.function, arguments);
  }
  return evaluation.no_overload();
}

}  // namespace callgate::cel
