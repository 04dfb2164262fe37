// The HTTP functions of one target: each path pattern once, without those that others cover.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/function_pattern.hpp"
#include "suggest/path_tree.hpp"

namespace callgate::suggest {

struct HttpFunction {
  std::string path;  // a pattern
  policy::FunctionPattern pattern;
  std::map<std::string, Seen> methods;

  [[nodiscard]] Seen seen() const;
  [[nodiscard]] bool matches(std::string_view method, std::string_view normal_path) const;
  // Whether it says more than one path.
  [[nodiscard]] bool is_general() const;
};

[[nodiscard]] std::vector<HttpFunction> http_functions(const std::map<std::string, PathTree>& trees);

// Whether the policy language can name it: others are told apart by a condition.
[[nodiscard]] bool is_plain_method(std::string_view method);

}  // namespace callgate::suggest
