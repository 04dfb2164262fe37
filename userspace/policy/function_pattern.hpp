// Patterns over functions: `http:GET,HEAD api.pay.internal/v1/customers/*`, `tls:connect name`,
// `tcp:connect`, `*`.
//
// In an HTTP path, `*` stands for any run of characters within one segment (a segment that is just `*` holds
// at least one character), and a segment `**` for any number of segments, none included: `/v1/**` is `/v1`,
// `/v1/` and all below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/text_pattern.hpp"

namespace callgate::policy {

struct PathSegment {
  enum class Kind : std::uint8_t { literal, glob, any_one, any_number };
  Kind kind = Kind::literal;
  std::string text;  // literal and glob only
};

struct FunctionPattern {
  enum class Kind : std::uint8_t { any, http, tcp_connect, tls_connect };
  Kind kind = Kind::any;
  std::vector<std::string> methods;  // http only; empty: any
  HostPattern host;                  // http and tls
  std::vector<PathSegment> path;     // http only
};

// Nothing, and `fault` set, if `text` is no function pattern that this build can honour.
[[nodiscard]] std::optional<FunctionPattern> parse_function(std::string_view text, PatternFault& fault);

// True if a normalized path is one that `pattern` stands for. Time: pattern times path at worst; allocates
// nothing.
[[nodiscard]] bool path_matches(const std::vector<PathSegment>& pattern, std::string_view path);

}  // namespace callgate::policy
