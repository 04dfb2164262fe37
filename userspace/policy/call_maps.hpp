// Headers, query strings and the like as lists and maps of conditions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cel/value.hpp"
#include "policy/engine.hpp"

namespace callgate::policy {

// By name in lower case, found in any; the values of fields of one name are joined with ", ".
[[nodiscard]] cel::Value header_map(std::span<const HeaderField> fields, cel::Arena& arena);
// "a=1&b=2&a=3" as {"a": ["1", "3"], "b": ["2"]}, decoded.
[[nodiscard]] cel::Value read_query(std::string_view query, cel::Arena& arena);
[[nodiscard]] cel::Value text_list(const std::vector<std::string>& texts, cel::Arena& arena);
[[nodiscard]] cel::Value text_map(const std::vector<std::pair<std::string, std::string>>& texts,
                                  cel::Arena& arena);

}  // namespace callgate::policy
