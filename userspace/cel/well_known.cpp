#include "cel/well_known.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace callgate::cel {
namespace {

struct Row {
  std::string_view name;
  WellKnown message;
  std::string_view type;
};
constexpr std::array<Row, 14> rows{{
    {"google.protobuf.BoolValue", WellKnown::bool_value, "wrapper(bool)"},
    {"google.protobuf.BytesValue", WellKnown::bytes_value, "wrapper(bytes)"},
    {"google.protobuf.DoubleValue", WellKnown::double_value, "wrapper(double)"},
    {"google.protobuf.FloatValue", WellKnown::float_value, "wrapper(double)"},
    {"google.protobuf.Int32Value", WellKnown::int32_value, "wrapper(int)"},
    {"google.protobuf.Int64Value", WellKnown::int64_value, "wrapper(int)"},
    {"google.protobuf.StringValue", WellKnown::string_value, "wrapper(string)"},
    {"google.protobuf.UInt32Value", WellKnown::uint32_value, "wrapper(uint)"},
    {"google.protobuf.UInt64Value", WellKnown::uint64_value, "wrapper(uint)"},
    {"google.protobuf.ListValue", WellKnown::list_value, "list(dyn)"},
    {"google.protobuf.Struct", WellKnown::structure, "map(string, dyn)"},
    {"google.protobuf.Value", WellKnown::value, "dyn"},
    {"google.protobuf.Timestamp", WellKnown::timestamp, "timestamp"},
    {"google.protobuf.Duration", WellKnown::duration, "duration"},
}};

constexpr std::array<std::pair<const char*, std::string_view>, 12> type_names{{
    {"bool", "bool"},
    {"int", "int"},
    {"uint", "uint"},
    {"double", "double"},
    {"string", "string"},
    {"bytes", "bytes"},
    {"list", "list(dyn)"},
    {"map", "map(dyn, dyn)"},
    {"null_type", "null_type"},
    {"type", "type(dyn)"},
    {"google.protobuf.Timestamp", "timestamp"},
    {"google.protobuf.Duration", "duration"},
}};

}  // namespace

std::optional<WellKnown> find_well_known(std::string_view name) {
  const auto* const at =
      std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  if (at == rows.end()) return std::nullopt;
  return at->message;
}

Type type_of(WellKnown message) {
  return parse_type(rows[static_cast<std::size_t>(message)].type);
}

std::optional<Type> field_type(WellKnown message, std::string_view field) {
  switch (message) {
    case WellKnown::list_value:
      if (field == "values") return parse_type("list(dyn)");
      break;
    case WellKnown::structure:
      if (field == "fields") return parse_type("map(string, dyn)");
      break;
    case WellKnown::value:
      if (field == "null_value") return Type();
      if (field == "number_value") return parse_type("double");
      if (field == "string_value") return parse_type("string");
      if (field == "bool_value") return parse_type("bool");
      if (field == "struct_value") return parse_type("map(string, dyn)");
      if (field == "list_value") return parse_type("list(dyn)");
      break;
    case WellKnown::timestamp:
    case WellKnown::duration:
      if (field == "seconds" || field == "nanos") return parse_type("int");
      break;
    default:
      if (field == "value") return type_of(message).arguments()[0];
  }
  return std::nullopt;
}

const char* find_type_name(std::string_view name) {
  const auto* const at =
      std::find_if(type_names.begin(), type_names.end(), [&](const auto& one) { return one.first == name; });
  return at == type_names.end() ? nullptr : at->first;
}

Type type_named(std::string_view name) {
  const auto* const at =
      std::find_if(type_names.begin(), type_names.end(), [&](const auto& one) { return one.first == name; });
  return at == type_names.end() ? Type() : parse_type(at->second);
}

}  // namespace callgate::cel
