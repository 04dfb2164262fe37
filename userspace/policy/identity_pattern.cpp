#include "policy/identity_pattern.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace callgate::policy {
namespace {

constexpr std::size_t longest_identity = 2048;
constexpr std::size_t longest_domain = 255;
constexpr std::string_view scheme = "spiffe://";

// Characters of a trust domain; a path may have capitals too.
bool is_common(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_segment(std::string_view segment, bool first, bool wildcards) {
  if (segment.empty() || segment == "." || segment == "..") return false;
  return std::all_of(segment.begin(), segment.end(), [&](char c) {
    return is_common(c) || (!first && c >= 'A' && c <= 'Z') || (wildcards && c == '*');
  });
}

// Takes the first segment off.
std::string_view take(std::string_view& rest) {
  const auto end = std::min(rest.find('/'), rest.size());
  const auto segment = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return segment;
}

// Whether what follows the scheme is segments, each of which is one.
bool has_form(std::string_view rest, bool wildcards) {
  if (rest.substr(0, rest.find('/')).size() > longest_domain || rest.ends_with('/')) return false;
  bool first = true;
  do {
    if (!is_segment(take(rest), first, wildcards)) return false;
    first = false;
  } while (!rest.empty());
  return true;
}

}  // namespace

bool is_spiffe_id(std::string_view text) {
  return text.starts_with(scheme) && text.size() <= longest_identity &&
         has_form(text.substr(scheme.size()), false);
}

ServiceAccount service_account_of(std::string_view spiffe_id) {
  if (!spiffe_id.starts_with(scheme)) return {};
  auto rest = spiffe_id.substr(scheme.size());
  (void)take(rest);
  if (take(rest) != "ns") return {};
  const auto name_space = take(rest);
  if (take(rest) != "sa") return {};
  const auto name = take(rest);
  return rest.empty() && !name.empty() ? ServiceAccount{name_space, name} : ServiceAccount{};
}

std::optional<IdentityPattern> IdentityPattern::parse(std::string_view text, PatternFault& fault) {
  if (!text.starts_with(scheme) || text.size() > longest_identity ||
      !has_form(text.substr(std::min(scheme.size(), text.size())), true)) {
    fault = {
        fmt::format("no SPIFFE ID can match `{}`", text),
        "write `spiffe://trust-domain/path`; `*` stands for any run of characters in a segment, `**` for "
        "any segments"};
    return std::nullopt;
  }
  IdentityPattern pattern;
  auto rest = text.substr(scheme.size());
  do {
    const auto segment = take(rest);
    PathSegment& added = pattern.segments_.emplace_back();
    if (segment == "**") {
      added.kind = PathSegment::Kind::any_number;
    } else if (segment == "*") {
      added.kind = PathSegment::Kind::any_one;
    } else if (segment.find("**") != std::string_view::npos) {
      fault = {fmt::format("`**` shares the segment `{}` with something else", segment),
               "`**` is a segment of its own"};
      return std::nullopt;
    } else {
      added.kind =
          segment.find('*') == std::string_view::npos ? PathSegment::Kind::literal : PathSegment::Kind::glob;
      added.text = segment;
    }
  } while (!rest.empty());
  return pattern;
}

bool IdentityPattern::matches(std::string_view spiffe_id) const {
  // With the second slash of the scheme, the domain and the path are the segments of a path.
  return spiffe_id.starts_with(scheme) && path_matches(segments_, spiffe_id.substr(scheme.size() - 1));
}

}  // namespace callgate::policy
