// Regular expressions of `matches`: RE2, whose time is linear in the text.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace callgate::cel {

// Null, and `why` set, for what is no pattern, or one that would take too much memory.
[[nodiscard]] std::shared_ptr<const re2::RE2> compile_pattern(std::string_view text, std::string& why);
// What looking for it costs: a thousand characters and a usual pattern take some tens of steps.
[[nodiscard]] std::size_t matching_cost(const re2::RE2& pattern, std::string_view text);
// Whether the pattern is somewhere in the text.
[[nodiscard]] bool found_in(const re2::RE2& pattern, std::string_view text);

}  // namespace callgate::cel
