#include "policy/text_pattern.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace callgate::policy {
namespace {

constexpr std::size_t longest_dns_name = 253;
constexpr std::size_t longest_dns_label = 63;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The address in `text` (which holds at most 255 characters) as inet_ntop writes it, or 0 if it is none.
std::size_t canonical_ip(std::string_view text, std::array<char, 256>& out) {
  std::array<char, INET6_ADDRSTRLEN + 1> terminated{};
  if (text.empty() || text.size() >= terminated.size()) return 0;
  std::memcpy(terminated.data(), text.data(), text.size());
  if (std::memchr(terminated.data(), 0, text.size()) != nullptr) return 0;
  std::array<unsigned char, 16> ip{};
  int family = AF_INET;
  if (::inet_pton(AF_INET, terminated.data(), ip.data()) != 1) {
    if (::inet_pton(AF_INET6, terminated.data(), ip.data()) != 1) return 0;
    family = AF_INET6;
  }
  static constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const void* binary = ip.data();
  if (family == AF_INET6 && std::equal(mapped.begin(), mapped.end(), ip.begin())) {
    family = AF_INET;
    binary = ip.data() + mapped.size();
  }
  ::inet_ntop(family, binary, out.data(), static_cast<socklen_t>(out.size()));
  return std::strlen(out.data());
}

// Null if `name` can be a host's name in DNS (underscores occur in practice), else what is wrong with it.
const char* dns_name_fault(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > longest_dns_name) return "is longer than 253 characters";
  std::string_view label;
  for (std::size_t start = 0; start <= name.size(); start += label.size() + 1) {
    label = name.substr(start, name.find('.', start) - start);
    if (label.empty()) return "has an empty label";
    if (label.size() > longest_dns_label) return "has a label longer than 63 characters";
    if (label.front() == '-' || label.back() == '-') return "has a label that begins or ends with `-`";
    for (const char c : label) {
      const bool good = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
      if (!good) return "has characters that no host name has";
    }
  }
  if (std::all_of(label.begin(), label.end(), is_digit)) return "looks like an IPv4 address, and is none";
  return nullptr;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(),
                                                   [](char a, char b) { return lower(a) == lower(b); });
}

CanonicalHost::CanonicalHost(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.empty() || host.size() > longest_dns_name) return;
  if (host.front() == '.' || host.find("..") != std::string_view::npos) return;
  if (is_digit(host.back()) || host.find(':') != std::string_view::npos) size_ = canonical_ip(host, buffer_);
  if (size_ != 0) return;
  std::transform(host.begin(), host.end(), buffer_.begin(), lower);
  size_ = host.size();
}

bool HostPattern::matches(std::string_view canonical_host) const {
  if (kind == Kind::any) return true;
  if (kind == Kind::exact) return canonical_host == text;
  return canonical_host.size() > text.size() + 1 && canonical_host.ends_with(text) &&
         canonical_host[canonical_host.size() - text.size() - 1] == '.';
}

bool is_ip_literal(std::string_view host) {
  std::array<char, 256> buffer;
  return canonical_ip(host, buffer) != 0;
}

std::optional<HostPattern> parse_host_pattern(std::string_view text, PatternFault& fault) {
  if (text == "*") return HostPattern{};
  if (text.find('[') != std::string_view::npos) {
    fault = {fmt::format("host `{}` has brackets", text), "write IPv6 addresses without brackets"};
    return std::nullopt;
  }
  if (text.find('/') != std::string_view::npos) {
    fault = {
        fmt::format("`{}` is no host", text),
        "write a host name, `*.suffix`, `*` or one IP address; a range of addresses is `cidr: 10.0.0.0/8`"};
    return std::nullopt;
  }
  if (is_ip_literal(text))
    return HostPattern{HostPattern::Kind::exact, std::string(CanonicalHost(text).view())};
  HostPattern pattern{HostPattern::Kind::exact, {}};
  std::string_view name = text;
  if (name.starts_with("*.")) {
    pattern.kind = HostPattern::Kind::suffix;
    name.remove_prefix(2);
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  pattern.text.resize(name.size());
  std::transform(name.begin(), name.end(), pattern.text.begin(), lower);
  if (name.find('*') != std::string_view::npos) {
    fault = {fmt::format("host `{}` has `*` inside", text),
             "`*` stands alone, or first as in `*.pay.internal`"};
    return std::nullopt;
  }
  if (name.find(':') != std::string_view::npos) {
    fault = {fmt::format("host `{}` has a port or is no IPv6 address", text),
             "write the port in the field `port`"};
    return std::nullopt;
  }
  if (const char* wrong = dns_name_fault(pattern.text)) {
    fault = {fmt::format("host `{}` {}", text, wrong),
             "write a host name, `*.suffix`, `*` or one IP address"};
    return std::nullopt;
  }
  return pattern;
}

}  // namespace callgate::policy
