// The messages of google.protobuf that are values of the language themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cel/type.hpp"

namespace callgate::cel {

enum class WellKnown : std::uint8_t {
  bool_value,
  bytes_value,
  double_value,
  float_value,
  int32_value,
  int64_value,
  string_value,
  uint32_value,
  uint64_value,
  list_value,
  structure,
  value,
  timestamp,
  duration,
};

// By its full name, "google.protobuf.Int32Value".
[[nodiscard]] std::optional<WellKnown> find_well_known(std::string_view name);
// The type of the value that such a message is.
[[nodiscard]] Type type_of(WellKnown message);
// The type of one of its fields, or nothing.
[[nodiscard]] std::optional<Type> field_type(WellKnown message, std::string_view field);

// Names that stand for types: "int", "google.protobuf.Timestamp". Null where `name` is none; else the name
// that outlives everything.
[[nodiscard]] const char* find_type_name(std::string_view name);
[[nodiscard]] Type type_named(std::string_view name);

}  // namespace callgate::cel
