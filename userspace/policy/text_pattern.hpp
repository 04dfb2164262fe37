// Patterns over plain text and host names, as policies write them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callgate::policy {

// Why a pattern was refused.
struct PatternFault {
  std::string message;
  std::string hint;  // may be empty
};

// True if `text` is `pattern`, each `*` of which stands for any run of characters. Time: pattern times text
// at worst.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

// Without regard to the case of ASCII letters.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);

// A call's host in the form that patterns are compared with: lower case, no trailing dot, IP addresses as
// inet_ntop writes them. A name longer than DNS allows becomes empty, which only `*` matches.
class CanonicalHost {
 public:
  explicit CanonicalHost(std::string_view host);
  [[nodiscard]] std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, 256> buffer_;
  std::size_t size_ = 0;
};

struct HostPattern {
  enum class Kind : std::uint8_t { any, suffix, exact };
  Kind kind = Kind::any;
  std::string text;  // canonical: the name or address; for a suffix what follows "*."; for any empty

  [[nodiscard]] bool matches(std::string_view canonical_host) const;
  bool operator==(const HostPattern&) const = default;
};

// "api.pay.internal", "*.pay.internal", "*" or an IP literal without brackets. Nothing, and `fault` set,
// otherwise.
[[nodiscard]] std::optional<HostPattern> parse_host_pattern(std::string_view text, PatternFault& fault);

// True if `host` is an IP literal without brackets.
[[nodiscard]] bool is_ip_literal(std::string_view host);

}  // namespace callgate::policy
