#include "policy/pattern_cover.hpp"

#include <algorithm>
#include <span>

namespace callgate::policy {
namespace {

bool is_below(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && name.ends_with(suffix) &&
         name[name.size() - suffix.size() - 1] == '.';
}

bool segment_covers(const PathSegment& wide, const PathSegment& narrow) {
  using Kind = PathSegment::Kind;
  switch (wide.kind) {
    case Kind::any_one:
      return narrow.kind != Kind::any_number && (narrow.kind != Kind::literal || !narrow.text.empty());
    case Kind::glob:
      return (narrow.kind == Kind::glob && narrow.text == wide.text) ||
             (narrow.kind == Kind::literal && glob_matches(wide.text, narrow.text));
    case Kind::literal:
      return narrow.kind == Kind::literal && narrow.text == wide.text;
    case Kind::any_number:
      break;
  }
  return false;
}

// `steps` bounds the search; patterns that need more are not compared.
bool path_covers(std::span<const PathSegment> wide, std::span<const PathSegment> narrow, int& steps) {
  if (--steps < 0) return false;
  if (wide.empty()) return narrow.empty();
  if (wide.front().kind == PathSegment::Kind::any_number) {
    if (path_covers(wide.subspan(1), narrow, steps)) return true;
    return !narrow.empty() && path_covers(wide, narrow.subspan(1), steps);
  }
  return !narrow.empty() && segment_covers(wide.front(), narrow.front()) &&
         path_covers(wide.subspan(1), narrow.subspan(1), steps);
}

bool methods_cover(const std::vector<std::string>& wide, const std::vector<std::string>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::all_of(narrow.begin(), narrow.end(), [&](const std::string& method) {
    return std::find(wide.begin(), wide.end(), method) != wide.end();
  });
}

}  // namespace

bool covers(const HostPattern& wide, const HostPattern& narrow) {
  if (wide.kind == HostPattern::Kind::any) return true;
  if (wide == narrow) return true;
  return wide.kind == HostPattern::Kind::suffix && narrow.kind != HostPattern::Kind::any &&
         is_below(narrow.text, wide.text);
}

bool overlap(const HostPattern& left, const HostPattern& right) {
  return covers(left, right) || covers(right, left);
}

bool covers(const FunctionPattern& wide, const FunctionPattern& narrow) {
  using Kind = FunctionPattern::Kind;
  if (wide.kind == Kind::any) return true;
  if (wide.kind != narrow.kind) return false;
  if (wide.kind == Kind::tcp_connect) return true;
  if (!covers(wide.host, narrow.host)) return false;
  constexpr int most_steps = 10'000;
  int steps = most_steps;
  return wide.kind == Kind::tls_connect ||
         (methods_cover(wide.methods, narrow.methods) && path_covers(wide.path, narrow.path, steps));
}

}  // namespace callgate::policy
