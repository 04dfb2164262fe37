// Values of the Common Expression Language, as an evaluation has them: small, copied freely, views of memory
// that lives at least as long as the evaluation.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "cel/arena.hpp"

namespace callgate::cel {

enum class Kind : std::uint8_t {
  absent,  // no value: what a map has under a key that it does not have
  null,
  boolean,
  integer,
  unsigned_integer,
  real,
  string,
  bytes,
  list,
  map,
  timestamp,
  duration,
  type,
  object,
  error,
};

// Seconds since 1970 or of a span, and nanoseconds: of a timestamp always from 0, of a duration with the sign
// of the seconds.
struct Time {
  std::int64_t seconds = 0;
  std::int32_t nanoseconds = 0;

  auto operator<=>(const Time&) const = default;
};

// Why there is no value. The texts outlive the evaluation, or are the arena's.
struct Failure {
  std::string_view code;    // "no_such_key"
  std::string_view detail;  // for people; may be empty
};

// The error of what the host does not know yet. It outranks others, since what it hides could decide.
inline constexpr Failure pending{"pending", "it is not known yet"};

class List;
class Map;
class Object;

class Value {
 public:
  Value() = default;
  static Value null() { return Value(Kind::null); }
  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  static Value unsigned_integer(std::uint64_t value);
  static Value real(double value);
  static Value string(std::string_view value) { return text(Kind::string, value); }
  static Value bytes(std::string_view value) { return text(Kind::bytes, value); }
  static Value type(std::string_view name) { return text(Kind::type, name); }
  static Value list(const List* value);
  static Value map(const Map* value);
  static Value object(const Object* value);
  static Value timestamp(Time value) { return time(Kind::timestamp, value); }
  static Value duration(Time value) { return time(Kind::duration, value); }
  // `failure` lives as long as the value.
  static Value error(const Failure* failure);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is(Kind kind) const { return kind_ == kind; }
  [[nodiscard]] bool is_error() const { return kind_ == Kind::error; }
  [[nodiscard]] bool is_true() const { return kind_ == Kind::boolean && data_.boolean; }
  [[nodiscard]] bool is_false() const { return kind_ == Kind::boolean && !data_.boolean; }
  [[nodiscard]] bool is_number() const {
    return kind_ == Kind::integer || kind_ == Kind::unsigned_integer || kind_ == Kind::real;
  }

  // Each only where kind() says so.
  [[nodiscard]] bool as_boolean() const { return data_.boolean; }
  [[nodiscard]] std::int64_t as_integer() const { return data_.integer; }
  [[nodiscard]] std::uint64_t as_unsigned() const { return data_.natural; }
  [[nodiscard]] double as_real() const { return data_.real; }
  // Of a string, bytes, or the name of a type.
  [[nodiscard]] std::string_view as_text() const { return {data_.text.data, data_.text.size}; }
  [[nodiscard]] const List& as_list() const { return *data_.list; }
  [[nodiscard]] const Map& as_map() const { return *data_.map; }
  [[nodiscard]] const Object& as_object() const { return *data_.object; }
  [[nodiscard]] Time as_time() const { return {data_.time.seconds, data_.time.nanoseconds}; }
  [[nodiscard]] const Failure& as_error() const { return *data_.failure; }

 private:
  explicit Value(Kind kind) : kind_(kind) {}
  static Value text(Kind kind, std::string_view value);
  static Value time(Kind kind, Time value);

  union Data {
    bool boolean;
    std::int64_t integer;
    std::uint64_t natural;
    double real;
    struct {
      const char* data;
      std::size_t size;
    } text;
    struct {
      std::int64_t seconds;
      std::int32_t nanoseconds;
    } time;
    const List* list;
    const Map* map;
    const Object* object;
    const Failure* failure;
  };
  Data data_{};
  Kind kind_ = Kind::absent;
};

// Sequences, from the evaluation itself or from its host. Nobody destroys them through these types. An
// element may be an error; it is one for what looks at it, and makes the whole different from any other.
class List {
 public:
  [[nodiscard]] virtual std::size_t size() const = 0;
  [[nodiscard]] virtual Value at(std::size_t index, Arena& arena) const = 0;

 protected:
  ~List() = default;
};

class Map {
 public:
  [[nodiscard]] virtual std::size_t size() const = 0;
  // Kind::absent where there is no such key. Numbers are the same key where they are equal, whatever their
  // type.
  [[nodiscard]] virtual Value find(const Value& key, Arena& arena) const = 0;
  // In some order that stays the same.
  [[nodiscard]] virtual Value key_at(std::size_t index, Arena& arena) const = 0;
  [[nodiscard]] virtual Value value_at(std::size_t index, Arena& arena) const = 0;

 protected:
  ~Map() = default;
};

// What the host gives field by field, when it is asked for. The fields are those of the ObjectType that the
// environment declares, by their position in it.
class Object {
 public:
  // An error where it cannot be told, Kind::absent where it is not set.
  [[nodiscard]] virtual Value field(std::size_t index, Arena& arena) const = 0;
  [[nodiscard]] virtual std::string_view type_name() const = 0;

 protected:
  ~Object() = default;
};

// Lists and maps of values that are there.
class ValueList final : public List {
 public:
  ValueList(const Value* values, std::size_t size) : values_(values), size_(size) {}
  [[nodiscard]] std::size_t size() const override { return size_; }
  [[nodiscard]] Value at(std::size_t index, Arena&) const override { return values_[index]; }

 private:
  const Value* values_;
  std::size_t size_;
};

struct Entry {
  Value key;
  Value value;
};

class ValueMap final : public Map {
 public:
  ValueMap(const Entry* entries, std::size_t size) : entries_(entries), size_(size) {}
  [[nodiscard]] std::size_t size() const override { return size_; }
  [[nodiscard]] Value find(const Value& key, Arena& arena) const override;
  [[nodiscard]] Value key_at(std::size_t index, Arena&) const override { return entries_[index].key; }
  [[nodiscard]] Value value_at(std::size_t index, Arena&) const override { return entries_[index].value; }

 private:
  const Entry* entries_;
  std::size_t size_;
};

// The name of a value's type, as `type(x)` says it.
[[nodiscard]] std::string_view type_name(const Value& value);
// Comparison of numbers by value, whatever their types. Unordered (NaN) compares as neither.
[[nodiscard]] std::partial_ordering compare_numbers(const Value& left, const Value& right);
// Equality as `==` has it, without errors: values of different types are different. `budget` is lowered by
// what it costs, and what exceeds it, or is nested deeper than 256 levels, leaves it negative and is
// different.
[[nodiscard]] bool equal(const Value& left, const Value& right, Arena& arena, std::int64_t& budget);
// What finding a key in a map costs.
[[nodiscard]] std::int64_t lookup_cost(const Map& map, const Value& key);

}  // namespace callgate::cel
