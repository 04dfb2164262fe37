#include "cel/macro.hpp"

#include <algorithm>
#include <array>

namespace callgate::cel {

const Macro* find_macro(std::string_view name, std::size_t arguments) {
  using Loop = Expression::Loop;
  static constexpr std::array<Macro, 14> macros{{
      {"all", 2, Loop::all, false, false},
      {"all", 3, Loop::all, true, false},
      {"exists", 2, Loop::exists, false, false},
      {"exists", 3, Loop::exists, true, false},
      {"exists_one", 2, Loop::exists_one, false, false},
      {"exists_one", 3, Loop::exists_one, true, false},
      {"existsOne", 3, Loop::exists_one, true, false},
      {"filter", 2, Loop::filter, false, false},
      {"map", 2, Loop::map, false, false},
      {"map", 3, Loop::map, false, true},
      {"transformList", 3, Loop::transform_list, true, false},
      {"transformList", 4, Loop::transform_list, true, true},
      {"transformMap", 3, Loop::transform_map, true, false},
      {"transformMap", 4, Loop::transform_map, true, true},
  }};
  const auto* const found = std::find_if(macros.begin(), macros.end(), [&](const Macro& macro) {
    return macro.name == name && macro.arguments == arguments;
  });
  return found == macros.end() ? nullptr : found;
}

}  // namespace callgate::cel
