#include "policy/function_pattern.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "policy/path.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t longest_pattern = 2048;
constexpr std::array<std::string_view, 4> later_protocols{"grpc", "mcp", "jsonrpc", "sql"};
constexpr std::string_view forms =
    "write `http:METHOD /path`, `http:METHOD host/path`, `tls:connect name`, `tcp:connect`, or `*` for "
    "everything";

bool parse_methods(std::string_view text, FunctionPattern& pattern, PatternFault& fault) {
  if (text == "*") return true;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    const auto method = text.substr(start, end - start);
    const bool good = !method.empty() && std::all_of(method.begin(), method.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || c == '-';
    });
    if (!good) {
      fault = {fmt::format("`{}` is no HTTP method", method),
               "write methods in capitals, separated by commas without spaces, or `*` for any"};
      return false;
    }
    pattern.methods.emplace_back(method);
    start = end + 1;
  }
  return true;
}

bool parse_segment(std::string_view text, PathSegment& segment, PatternFault& fault) {
  if (text == "**") {
    segment.kind = PathSegment::Kind::any_number;
  } else if (text == "*") {
    segment.kind = PathSegment::Kind::any_one;
  } else if (text.find("**") != std::string_view::npos) {
    fault = {fmt::format("`**` shares the segment `{}` with something else", text),
             "`**` is a segment of its own: `/v1/**`"};
    return false;
  } else {
    segment.kind =
        text.find('*') == std::string_view::npos ? PathSegment::Kind::literal : PathSegment::Kind::glob;
    segment.text = text;
  }
  return true;
}

bool parse_path(std::string_view text, FunctionPattern& pattern, PatternFault& fault) {
  if (text.find_first_of("?#") != std::string_view::npos) {
    fault = {"a path pattern has no query and no fragment",
             "leave out what follows the path: queries are not compared"};
    return false;
  }
  std::string storage;
  const auto normal = normalize_path(text, storage);
  if (!normal) {
    fault = {fmt::format("no call can have the path `{}`: {}", text, normal.error().message), ""};
    return false;
  }
  const bool encoded = text.find('%') != std::string_view::npos;
  if (!encoded && *normal != text) {
    fault = {fmt::format("the path `{}` is not in its normal form", text),
             fmt::format("write `{}`", *normal)};
    return false;
  }
  if (encoded &&
      std::count(text.begin(), text.end(), '*') != std::count(normal->begin(), normal->end(), '*')) {
    fault = {"an encoded `*` would become a wildcard", "write `*`, which also stands for itself"};
    return false;
  }
  const std::string_view path = *normal;
  for (std::size_t start = 1; start <= path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    PathSegment segment;
    if (!parse_segment(path.substr(start, end - start), segment, fault)) return false;
    const bool repeated = segment.kind == PathSegment::Kind::any_number && !pattern.path.empty() &&
                          pattern.path.back().kind == PathSegment::Kind::any_number;
    if (!repeated) pattern.path.push_back(std::move(segment));
    start = end + 1;
  }
  return true;
}

bool parse_http(std::string_view rest, FunctionPattern& pattern, PatternFault& fault) {
  const auto space = rest.find(' ');
  if (space == std::string_view::npos || space + 1 == rest.size()) {
    fault = {"the path is missing", fmt::format("for any path write `http:{} /**`", rest.substr(0, space))};
    return false;
  }
  if (!parse_methods(rest.substr(0, space), pattern, fault)) return false;
  const auto where = rest.substr(space + 1);
  const auto slash = where.find('/');
  if (where.find(' ') != std::string_view::npos) {
    fault = {"there is a space in the host or path",
             "write one function per entry, a space of a path as `%20`"};
    return false;
  }
  if (slash == std::string_view::npos) {
    fault = {fmt::format("`{}` has no path", where),
             fmt::format("for any path write `{}/**`", where == "*" || where == "**" ? "" : where)};
    return false;
  }
  if (slash > 0) {
    const auto host = parse_host_pattern(where.substr(0, slash), fault);
    if (!host) return false;
    pattern.host = *host;
  }
  return parse_path(where.substr(slash), pattern, fault);
}

bool segment_matches(const PathSegment& segment, std::string_view text) {
  switch (segment.kind) {
    case PathSegment::Kind::literal:
      return segment.text == text;
    case PathSegment::Kind::glob:
      return glob_matches(segment.text, text);
    case PathSegment::Kind::any_one:
      return !text.empty();
    case PathSegment::Kind::any_number:
      break;
  }
  return false;
}

// Takes the first segment off `rest`, which begins with a slash.
std::string_view take_segment(std::string_view& rest) {
  const auto end = std::min(rest.find('/', 1), rest.size());
  const auto segment = rest.substr(1, end - 1);
  rest.remove_prefix(end);
  return segment;
}

}  // namespace

std::optional<FunctionPattern> parse_function(std::string_view text, PatternFault& fault) {
  FunctionPattern pattern;
  if (text == "*") return pattern;
  if (text.size() > longest_pattern) {
    fault = {"the function is longer than 2048 characters", ""};
    return std::nullopt;
  }
  const auto colon = text.find(':');
  const auto protocol = text.substr(0, colon);
  if (colon == std::string_view::npos) {
    fault = {fmt::format("the function `{}` names no protocol", text), std::string(forms)};
    return std::nullopt;
  }
  const auto rest = text.substr(colon + 1);
  if (protocol == "http") {
    pattern.kind = FunctionPattern::Kind::http;
    if (!parse_http(rest, pattern, fault)) return std::nullopt;
    return pattern;
  }
  if (protocol == "tcp" && rest == "connect") {
    pattern.kind = FunctionPattern::Kind::tcp_connect;
    return pattern;
  }
  if (protocol == "tls" && rest.starts_with("connect")) {
    pattern.kind = FunctionPattern::Kind::tls_connect;
    if (rest == "connect") return pattern;
    if (rest.starts_with("connect ")) {
      auto host = parse_host_pattern(rest.substr(8), fault);
      if (!host) return std::nullopt;
      pattern.host = std::move(*host);
      return pattern;
    }
  }
  if (std::find(later_protocols.begin(), later_protocols.end(), protocol) != later_protocols.end()) {
    fault = {
        fmt::format("this build cannot honour functions of `{}` yet", protocol),
        "remove the function: calls of a protocol that is not understood are `tcp:connect` or `tls:connect`"};
  } else if (protocol == "tcp" || protocol == "tls") {
    fault = {fmt::format("`{}` has no function `{}`", protocol, rest), std::string(forms)};
  } else {
    fault = {fmt::format("unknown protocol `{}`", protocol), std::string(forms)};
  }
  return std::nullopt;
}

bool path_matches(const std::vector<PathSegment>& pattern, std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  const auto number = PathSegment::Kind::any_number;
  std::size_t next = 0;
  std::size_t after_star = 0;  // the segment behind the latest `**`, where one was passed
  std::string_view star_rest;  // what the latest `**` has not swallowed yet
  while (!path.empty()) {
    if (next < pattern.size() && pattern[next].kind == number) {
      after_star = ++next;
      star_rest = path;
      continue;
    }
    std::string_view rest = path;
    if (next < pattern.size() && segment_matches(pattern[next], take_segment(rest))) {
      ++next;
      path = rest;
    } else if (after_star != 0) {
      take_segment(star_rest);
      path = star_rest;
      next = after_star;
    } else {
      return false;
    }
  }
  while (next < pattern.size() && pattern[next].kind == number)
    ++next;
  return next == pattern.size();
}

}  // namespace callgate::policy
