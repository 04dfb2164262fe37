#include "cel/functions.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace callgate::cel {
namespace {

struct Row {
  Function function;
  std::string_view name;
  // "int, int -> int" of a function, "string.(string) -> bool" of one that is called on its first argument;
  // separated by semicolons.
  std::string_view overloads;
};

#define CALLGATE_CEL_CLOCK "timestamp.() -> int; timestamp.(string) -> int"
#define CALLGATE_CEL_SPAN CALLGATE_CEL_CLOCK "; duration.() -> int"
#define CALLGATE_CEL_ORDER                                                                                   \
  "bool, bool -> bool; int, int -> bool; int, uint -> bool; int, double -> bool; uint, uint -> bool; "       \
  "uint, int -> bool; uint, double -> bool; double, double -> bool; double, int -> bool; double, uint -> "   \
  "bool; string, string -> bool; bytes, bytes -> bool; timestamp, timestamp -> bool; duration, duration -> " \
  "bool"
#define CALLGATE_CEL_BITS "int, int -> int; uint, uint -> uint"

constexpr Row rows[] = {
    {Function::negation, "!_", "bool -> bool"},
    {Function::minus, "-_", "int -> int; double -> double"},
    {Function::equals, "_==_", "A, A -> bool"},
    {Function::differs, "_!=_", "A, A -> bool"},
    {Function::less, "_<_", CALLGATE_CEL_ORDER},
    {Function::less_or_equal, "_<=_", CALLGATE_CEL_ORDER},
    {Function::greater, "_>_", CALLGATE_CEL_ORDER},
    {Function::greater_or_equal, "_>=_", CALLGATE_CEL_ORDER},
    {Function::add, "_+_",
     "int, int -> int; uint, uint -> uint; double, double -> double; string, string -> string; bytes, bytes "
     "-> "
     "bytes; list(A), list(A) -> list(A); timestamp, duration -> timestamp; duration, timestamp -> "
     "timestamp; "
     "duration, duration -> duration"},
    {Function::subtract, "_-_",
     "int, int -> int; uint, uint -> uint; double, double -> double; timestamp, timestamp -> duration; "
     "timestamp, duration -> timestamp; duration, duration -> duration"},
    {Function::multiply, "_*_", "int, int -> int; uint, uint -> uint; double, double -> double"},
    {Function::divide, "_/_", "int, int -> int; uint, uint -> uint; double, double -> double"},
    {Function::modulo, "_%_", "int, int -> int; uint, uint -> uint"},
    {Function::index, "_[_]", "list(A), int -> A; map(A, B), A -> B"},
    {Function::contained, "@in", "A, list(A) -> bool; A, map(A, B) -> bool"},
    {Function::size, "size",
     "string -> int; bytes -> int; list(A) -> int; map(A, B) -> int; string.() -> int; bytes.() -> int; "
     "list(A).() -> int; map(A, B).() -> int"},
    {Function::contains, "contains", "string.(string) -> bool"},
    {Function::starts_with, "startsWith", "string.(string) -> bool"},
    {Function::ends_with, "endsWith", "string.(string) -> bool"},
    {Function::matches, "matches", "string, string -> bool; string.(string) -> bool"},
    {Function::to_int, "int", "int -> int; uint -> int; double -> int; string -> int; timestamp -> int"},
    {Function::to_uint, "uint", "uint -> uint; int -> uint; double -> uint; string -> uint"},
    {Function::to_double, "double", "double -> double; int -> double; uint -> double; string -> double"},
    {Function::to_bool, "bool", "bool -> bool; string -> bool"},
    {Function::to_string, "string",
     "string -> string; bool -> string; int -> string; uint -> string; double -> string; bytes -> string; "
     "timestamp -> string; duration -> string"},
    {Function::to_bytes, "bytes", "bytes -> bytes; string -> bytes"},
    {Function::to_timestamp, "timestamp", "timestamp -> timestamp; string -> timestamp; int -> timestamp"},
    {Function::to_duration, "duration", "duration -> duration; string -> duration"},
    {Function::type_of, "type", "A -> type(A)"},
    {Function::dyn, "dyn", "A -> dyn"},
    {Function::full_year, "getFullYear", CALLGATE_CEL_CLOCK},
    {Function::month, "getMonth", CALLGATE_CEL_CLOCK},
    {Function::date, "getDate", CALLGATE_CEL_CLOCK},
    {Function::day_of_month, "getDayOfMonth", CALLGATE_CEL_CLOCK},
    {Function::day_of_week, "getDayOfWeek", CALLGATE_CEL_CLOCK},
    {Function::day_of_year, "getDayOfYear", CALLGATE_CEL_CLOCK},
    {Function::hours, "getHours", CALLGATE_CEL_SPAN},
    {Function::minutes, "getMinutes", CALLGATE_CEL_SPAN},
    {Function::seconds, "getSeconds", CALLGATE_CEL_SPAN},
    {Function::milliseconds, "getMilliseconds", CALLGATE_CEL_SPAN},
    {Function::char_at, "charAt", "string.(int) -> string"},
    {Function::index_of, "indexOf", "string.(string) -> int; string.(string, int) -> int"},
    {Function::last_index_of, "lastIndexOf", "string.(string) -> int; string.(string, int) -> int"},
    {Function::join, "join", "list(string).() -> string; list(string).(string) -> string"},
    {Function::lower_ascii, "lowerAscii", "string.() -> string"},
    {Function::upper_ascii, "upperAscii", "string.() -> string"},
    {Function::replace, "replace",
     "string.(string, string) -> string; string.(string, string, int) -> string"},
    {Function::split, "split", "string.(string) -> list(string); string.(string, int) -> list(string)"},
    {Function::substring, "substring", "string.(int) -> string; string.(int, int) -> string"},
    {Function::trim, "trim", "string.() -> string"},
    {Function::reverse, "reverse", "string.() -> string"},
    {Function::quote, "strings.quote", "string -> string"},
    {Function::format, "format", "string.(list(dyn)) -> string"},
    {Function::greatest, "math.greatest", ""},
    {Function::least, "math.least", ""},
    {Function::ceil, "math.ceil", "double -> double"},
    {Function::floor, "math.floor", "double -> double"},
    {Function::round, "math.round", "double -> double"},
    {Function::trunc, "math.trunc", "double -> double"},
    {Function::abs, "math.abs", "int -> int; uint -> uint; double -> double"},
    {Function::sign, "math.sign", "int -> int; uint -> uint; double -> double"},
    {Function::is_nan, "math.isNaN", "double -> bool"},
    {Function::is_inf, "math.isInf", "double -> bool"},
    {Function::is_finite, "math.isFinite", "double -> bool"},
    {Function::bit_and, "math.bitAnd", CALLGATE_CEL_BITS},
    {Function::bit_or, "math.bitOr", CALLGATE_CEL_BITS},
    {Function::bit_xor, "math.bitXor", CALLGATE_CEL_BITS},
    {Function::bit_not, "math.bitNot", "int -> int; uint -> uint"},
    {Function::bit_shift_left, "math.bitShiftLeft", "int, int -> int; uint, int -> uint"},
    {Function::bit_shift_right, "math.bitShiftRight", "int, int -> int; uint, int -> uint"},
    {Function::sqrt, "math.sqrt", "double -> double; int -> double; uint -> double"},
};

#undef CALLGATE_CEL_CLOCK
#undef CALLGATE_CEL_SPAN
#undef CALLGATE_CEL_ORDER
#undef CALLGATE_CEL_BITS

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

void add_types(std::string_view text, std::vector<Type>& types) {
  int depth = 0;
  std::size_t start = 0;
  if (trimmed(text).empty()) return;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth != 0)) continue;
    types.push_back(parse_type(trimmed(text.substr(start, i - start))));
    start = i + 1;
  }
}

Overload parse_overload(std::string_view text) {
  Overload overload;
  const auto arrow = text.find("->");
  auto given = trimmed(text.substr(0, arrow));
  overload.result = parse_type(trimmed(text.substr(arrow + 2)));
  if (const auto dot = given.find(".("); dot != std::string_view::npos) {
    overload.member = true;
    overload.arguments.push_back(parse_type(given.substr(0, dot)));
    given = given.substr(dot + 2, given.size() - dot - 3);
  }
  add_types(given, overload.arguments);
  return overload;
}

struct Table {
  Table() {
    for (const Row& row : rows) {
      by_name.emplace(row.name, row.function);
      auto& parsed = overloads[static_cast<std::size_t>(row.function)];
      for (std::size_t start = 0; start < row.overloads.size();) {
        const auto end = std::min(row.overloads.find(';', start), row.overloads.size());
        parsed.push_back(parse_overload(row.overloads.substr(start, end - start)));
        start = end + 1;
      }
    }
  }
  std::map<std::string_view, Function> by_name;
  std::array<std::vector<Overload>, std::size(rows)> overloads;
};

const Table& table() {
  static const Table made;
  return made;
}

}  // namespace

std::optional<Function> find_function(std::string_view name) {
  const auto at = table().by_name.find(name);
  if (at == table().by_name.end()) return std::nullopt;
  return at->second;
}

std::string_view function_name(Function function) {
  return rows[static_cast<std::size_t>(function)].name;
}

std::span<const Overload> overloads_of(Function function) {
  return table().overloads[static_cast<std::size_t>(function)];
}

bool is_variadic(Function function) {
  return function == Function::greatest || function == Function::least;
}

std::optional<Library> library_of(Function function) {
  if (function >= Function::greatest) return Library::math;
  if (function >= Function::char_at) return Library::strings;
  return std::nullopt;
}

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const Row& row : rows) {
    const char first = row.name.front();
    if (first != '_' && first != '@' && first != '!' && first != '-') names.push_back(row.name);
  }
  return names;
}

static_assert(std::size(rows) == static_cast<std::size_t>(Function::sqrt) + 1);

}  // namespace callgate::cel
