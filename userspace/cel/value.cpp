#include "cel/value.hpp"

#include <cmath>
#include <compare>

namespace callgate::cel {

Value Value::boolean(bool value) {
  Value made(Kind::boolean);
  made.data_.boolean = value;
  return made;
}
Value Value::integer(std::int64_t value) {
  Value made(Kind::integer);
  made.data_.integer = value;
  return made;
}
Value Value::unsigned_integer(std::uint64_t value) {
  Value made(Kind::unsigned_integer);
  made.data_.natural = value;
  return made;
}
Value Value::real(double value) {
  Value made(Kind::real);
  made.data_.real = value;
  return made;
}
Value Value::text(Kind kind, std::string_view value) {
  Value made(kind);
  made.data_.text = {value.data(), value.size()};
  return made;
}
Value Value::time(Kind kind, Time value) {
  Value made(kind);
  made.data_.time = {value.seconds, value.nanoseconds};
  return made;
}
Value Value::list(const List* value) {
  Value made(Kind::list);
  made.data_.list = value;
  return made;
}
Value Value::map(const Map* value) {
  Value made(Kind::map);
  made.data_.map = value;
  return made;
}
Value Value::object(const Object* value) {
  Value made(Kind::object);
  made.data_.object = value;
  return made;
}
Value Value::error(const Failure* failure) {
  Value made(Kind::error);
  made.data_.failure = failure;
  return made;
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::null:
      return "null_type";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::unsigned_integer:
      return "uint";
    case Kind::real:
      return "double";
    case Kind::string:
      return "string";
    case Kind::bytes:
      return "bytes";
    case Kind::list:
      return "list";
    case Kind::map:
      return "map";
    case Kind::timestamp:
      return "google.protobuf.Timestamp";
    case Kind::duration:
      return "google.protobuf.Duration";
    case Kind::type:
      return "type";
    case Kind::object:
      return value.as_object().type_name();
    case Kind::absent:
    case Kind::error:
      break;
  }
  return "error";
}

namespace {

std::partial_ordering compare_real(double left, double right) {
  return left <=> right;
}

std::partial_ordering compare_integer_real(std::int64_t left, double right) {
  if (std::isnan(right)) return std::partial_ordering::unordered;
  // 2^63 is a double, and no int.
  if (right > 9223372036854775808.0) return std::partial_ordering::less;
  if (right == 9223372036854775808.0) return static_cast<double>(left) <=> right;
  if (right < -9223372036854775808.0) return std::partial_ordering::greater;
  const auto whole = static_cast<std::int64_t>(right);
  if (left != whole) return left <=> whole;
  return 0.0 <=> right - static_cast<double>(whole);
}

std::partial_ordering compare_natural_real(std::uint64_t left, double right) {
  if (std::isnan(right)) return std::partial_ordering::unordered;
  if (right >= 18446744073709551616.0) return std::partial_ordering::less;
  if (right < 0) return std::partial_ordering::greater;
  const auto whole = static_cast<std::uint64_t>(right);
  if (left != whole) return left <=> whole;
  return 0.0 <=> right - static_cast<double>(whole);
}

std::partial_ordering reversed(std::partial_ordering order) {
  return 0 <=> order;
}

}  // namespace

std::partial_ordering compare_numbers(const Value& left, const Value& right) {
  if (left.is(Kind::real)) {
    if (right.is(Kind::real)) return compare_real(left.as_real(), right.as_real());
    if (right.is(Kind::integer)) return reversed(compare_integer_real(right.as_integer(), left.as_real()));
    return reversed(compare_natural_real(right.as_unsigned(), left.as_real()));
  }
  if (left.is(Kind::integer)) {
    if (right.is(Kind::integer)) return left.as_integer() <=> right.as_integer();
    if (right.is(Kind::real)) return compare_integer_real(left.as_integer(), right.as_real());
    if (left.as_integer() < 0) return std::partial_ordering::less;
    return static_cast<std::uint64_t>(left.as_integer()) <=> right.as_unsigned();
  }
  if (right.is(Kind::unsigned_integer)) return left.as_unsigned() <=> right.as_unsigned();
  return reversed(compare_numbers(right, left));
}

Value ValueMap::find(const Value& key, Arena& arena) const {
  std::int64_t budget = 1 << 20;
  for (std::size_t i = 0; i < size_; ++i) {
    if (equal(entries_[i].key, key, arena, budget)) return entries_[i].value;
  }
  return {};
}

namespace {

// Deeper values than this cost too much: comparing them takes stack.
constexpr int most_depth = 256;

bool equal_nested(const Value& left, const Value& right, Arena& arena, std::int64_t& budget, int depth);

bool equal_lists(const List& left, const List& right, Arena& arena, std::int64_t& budget, int depth) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!equal_nested(left.at(i, arena), right.at(i, arena), arena, budget, depth)) return false;
  }
  return true;
}

bool equal_maps(const Map& left, const Map& right, Arena& arena, std::int64_t& budget, int depth) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const Value key = left.key_at(i, arena);
    budget -= lookup_cost(right, key);
    if (budget < 0) return false;
    const Value other = right.find(key, arena);
    if (other.is(Kind::absent) || !equal_nested(left.value_at(i, arena), other, arena, budget, depth))
      return false;
  }
  return true;
}

bool equal_nested(const Value& left, const Value& right, Arena& arena, std::int64_t& budget, int depth) {
  if (depth > most_depth) budget = 0;
  if (--budget < 0) return false;
  if (left.is_number() && right.is_number())
    return compare_numbers(left, right) == std::partial_ordering::equivalent;
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return left.as_boolean() == right.as_boolean();
    case Kind::string:
    case Kind::bytes:
    case Kind::type:
      budget -= static_cast<std::int64_t>(left.as_text().size() / 64);
      return left.as_text() == right.as_text();
    case Kind::timestamp:
    case Kind::duration:
      return left.as_time() == right.as_time();
    case Kind::list:
      return equal_lists(left.as_list(), right.as_list(), arena, budget, depth + 1);
    case Kind::map:
      return equal_maps(left.as_map(), right.as_map(), arena, budget, depth + 1);
    case Kind::object:
      return &left.as_object() == &right.as_object();
    default:
      return false;
  }
}

}  // namespace

bool equal(const Value& left, const Value& right, Arena& arena, std::int64_t& budget) {
  return equal_nested(left, right, arena, budget, 0);
}

std::int64_t lookup_cost(const Map& map, const Value& key) {
  // At its worst the map compares the key with all of its own, and they begin alike.
  const std::size_t size = key.is(Kind::string) ? key.as_text().size() : 0;
  return static_cast<std::int64_t>((map.size() + 31) / 32 * (1 + size / 64));
}

}  // namespace callgate::cel
