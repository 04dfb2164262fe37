#include "suggest/patterns.hpp"

#include <algorithm>

#include "policy/pattern_cover.hpp"

namespace callgate::suggest {
namespace {

policy::FunctionPattern parse(const std::string& path) {
  policy::PatternFault fault;
  // What does not parse is found when the document is checked.
  return policy::parse_function("http:* " + path, fault).value_or(policy::FunctionPattern{});
}

// Adds each pattern to the first one that covers it.
std::vector<PathPattern> without_covered(std::vector<PathPattern> patterns) {
  // More than anybody would read: they are made more general, and come again.
  constexpr std::size_t most_compared = 2000;
  if (patterns.size() > most_compared) return patterns;
  std::vector<policy::FunctionPattern> parsed;
  for (const auto& pattern : patterns)
    parsed.push_back(parse(pattern.text));
  const auto is_wide = [&](std::size_t i) {
    return std::any_of(parsed[i].path.begin(), parsed[i].path.end(), [](const auto& segment) {
      return segment.kind != policy::PathSegment::Kind::literal;
    });
  };
  std::vector<std::size_t> wide;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (is_wide(i)) wide.push_back(i);
  }
  std::vector<bool> covered(patterns.size(), false);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto by = std::find_if(wide.begin(), wide.end(), [&](std::size_t other) {
      return other != i && !covered[other] && policy::covers(parsed[other], parsed[i]) &&
             (other < i || !policy::covers(parsed[i], parsed[other]));
    });
    if (by == wide.end()) continue;
    covered[i] = true;
    patterns[*by].seen.add(patterns[i].seen);
  }
  std::vector<PathPattern> left;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (!covered[i]) left.push_back(std::move(patterns[i]));
  }
  return left;
}

}  // namespace

Seen HttpFunction::seen() const {
  Seen sum;
  for (const auto& [method, seen] : methods)
    sum.add(seen);
  return sum;
}

bool HttpFunction::matches(std::string_view method, std::string_view normal_path) const {
  return methods.contains(std::string(method)) && policy::path_matches(pattern.path, normal_path);
}

bool HttpFunction::is_general() const {
  return std::any_of(pattern.path.begin(), pattern.path.end(), [](const policy::PathSegment& segment) {
    return segment.kind != policy::PathSegment::Kind::literal;
  });
}

std::vector<HttpFunction> http_functions(const std::map<std::string, PathTree>& trees) {
  std::map<std::string, HttpFunction> by_path;
  for (const auto& [method, tree] : trees) {
    for (auto& pattern : without_covered(tree.patterns())) {
      auto& function = by_path[pattern.text];
      if (function.methods.empty()) {
        function.path = pattern.text;
        function.pattern = parse(pattern.text);
      }
      function.methods[method].add(pattern.seen);
    }
  }
  std::vector<HttpFunction> all;
  for (auto& [path, function] : by_path)
    all.push_back(std::move(function));
  return all;
}

bool is_plain_method(std::string_view method) {
  return !method.empty() &&
         std::all_of(method.begin(), method.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

}  // namespace callgate::suggest
