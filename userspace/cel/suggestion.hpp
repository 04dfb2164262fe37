// What a person may have meant by a name that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace callgate::cel {

// "did you mean `path`?", or the known names where there are few; empty where nothing helps.
[[nodiscard]] std::string suggestion(std::string_view written, const std::vector<std::string_view>& known);

}  // namespace callgate::cel
