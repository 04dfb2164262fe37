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

Value bad_index(Evaluation& evaluation) {
  return evaluation.fail("invalid_argument", "the text does not have so many characters");
}

Value matches(Evaluation& evaluation, const Expression& call, std::string_view text,
              std::string_view pattern) {
  if (!evaluation.charge(1 + text.size() / 16)) return evaluation.too_expensive();
  if (call.pattern) return Value::boolean(found_in(*call.pattern, text));
  std::string why;
  if (!evaluation.charge(50 + pattern.size())) return evaluation.too_expensive();
  const auto compiled = compile_pattern(pattern, why);
  if (!compiled) return evaluation.fail("invalid_argument", "the pattern cannot be used");
  return Value::boolean(found_in(*compiled, text));
}

Value char_at(Evaluation& evaluation, const Points& points, std::int64_t index) {
  if (index < 0 || static_cast<std::size_t>(index) > points.size()) return bad_index(evaluation);
  const auto at = static_cast<std::size_t>(index);
  return Value::string(at == points.size() ? std::string_view{} : points.part(at, at + 1));
}

Value substring(Evaluation& evaluation, const Points& points, std::int64_t from, std::int64_t to) {
  const auto size = static_cast<std::int64_t>(points.size());
  if (from < 0 || to < 0 || from > size || to > size) return bad_index(evaluation);
  if (from > to) return evaluation.fail("invalid_argument", "the part ends before it begins");
  return Value::string(points.part(static_cast<std::size_t>(from), static_cast<std::size_t>(to)));
}

Value index_of(Evaluation& evaluation, std::string_view text, const Points& points, std::string_view wanted,
               std::int64_t from) {
  if (from < 0 || static_cast<std::size_t>(from) > points.size()) return bad_index(evaluation);
  if (wanted.empty()) return Value::integer(from);
  const auto start = points.part(0, static_cast<std::size_t>(from)).size();
  const auto found = text.find(wanted, start);
  return Value::integer(found == std::string_view::npos ? -1
                                                        : static_cast<std::int64_t>(points.index_of(found)));
}

Value last_index_of(Evaluation& evaluation, std::string_view text, const Points& points,
                    std::string_view wanted, std::optional<std::int64_t> from) {
  const auto size = static_cast<std::int64_t>(points.size());
  if (from && (*from < 0 || *from > size)) return bad_index(evaluation);
  if (wanted.empty()) return Value::integer(from.value_or(size));
  const auto last = from ? points.part(0, static_cast<std::size_t>(*from)).size() : std::string_view::npos;
  const auto found = text.rfind(wanted, last);
  return Value::integer(found == std::string_view::npos ? -1
                                                        : static_cast<std::int64_t>(points.index_of(found)));
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

// The size of the first code point.
std::size_t point_size(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U)
    ++size;
  return size;
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
      const auto size = point_size(text.substr(at));
      changed += text.substr(at, size);
      at += size;
      continue;
    }
    const auto found = text.find(from, at);
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
    std::size_t end = separator.empty() ? (text.empty() ? 0 : point_size(text)) : text.find(separator);
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

Value trim(const Points& points) {
  std::size_t from = 0;
  std::size_t to = points.size();
  while (from < to && is_space(points.part(from, from + 1)))
    ++from;
  while (to > from && is_space(points.part(to - 1, to)))
    --to;
  return Value::string(points.part(from, to));
}

Value reverse(Evaluation& evaluation, const Points& points) {
  std::string reversed;
  for (std::size_t i = points.size(); i > 0; --i)
    reversed += points.part(i - 1, i);
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

// Functions that need to know where characters begin.
Value apply_to_points(Evaluation& evaluation, Function function, std::span<const Value> arguments) {
  using enum Kind;
  const std::string_view text = arguments[0].as_text();
  const Points points(text, evaluation.arena());
  if (!points.usable() || !evaluation.charge(text.size() / 16)) return evaluation.too_expensive();
  switch (function) {
    case Function::char_at:
      if (have_kinds(arguments, {string, integer}))
        return char_at(evaluation, points, arguments[1].as_integer());
      break;
    case Function::substring:
      if (have_kinds(arguments, {string, integer})) {
        return substring(evaluation, points, arguments[1].as_integer(),
                         static_cast<std::int64_t>(points.size()));
      }
      if (have_kinds(arguments, {string, integer, integer}))
        return substring(evaluation, points, arguments[1].as_integer(), arguments[2].as_integer());
      break;
    case Function::index_of:
      if (have_kinds(arguments, {string, string}))
        return index_of(evaluation, text, points, arguments[1].as_text(), 0);
      if (have_kinds(arguments, {string, string, integer}))
        return index_of(evaluation, text, points, arguments[1].as_text(), arguments[2].as_integer());
      break;
    case Function::last_index_of:
      if (have_kinds(arguments, {string, string}))
        return last_index_of(evaluation, text, points, arguments[1].as_text(), std::nullopt);
      if (have_kinds(arguments, {string, string, integer}))
        return last_index_of(evaluation, text, points, arguments[1].as_text(), arguments[2].as_integer());
      break;
    case Function::trim:
      if (arguments.size() == 1) return trim(points);
      break;
    default:
      if (arguments.size() == 1) return reverse(evaluation, points);
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
  switch (call.function) {
    case Function::contains:
      if (!evaluation.charge(text.size() / 16)) return evaluation.too_expensive();
      if (with_text) return Value::boolean(text.find(arguments[1].as_text()) != std::string_view::npos);
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
