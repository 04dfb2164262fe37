// SPIFFE IDs and patterns over them.
//
// In a pattern `*` stands for any run of characters within one segment of the path (or the trust domain), and
// a segment `**` for any number of segments.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/function_pattern.hpp"

namespace callgate::policy {

// SPIFFE-ID standard, section 2: "spiffe://trust-domain/path".
[[nodiscard]] bool is_spiffe_id(std::string_view text);

// What the conventional form spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT says; empty for any other.
struct ServiceAccount {
  std::string_view name_space;
  std::string_view name;
};
[[nodiscard]] ServiceAccount service_account_of(std::string_view spiffe_id);

class IdentityPattern {
 public:
  // Nothing, and `fault` set, for what no SPIFFE ID could match.
  [[nodiscard]] static std::optional<IdentityPattern> parse(std::string_view text, PatternFault& fault);
  [[nodiscard]] bool matches(std::string_view spiffe_id) const;

 private:
  std::vector<PathSegment> segments_;  // the trust domain is the first
};

}  // namespace callgate::policy
