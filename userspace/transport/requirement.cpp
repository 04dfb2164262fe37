#include <arpa/inet.h>
#include <fmt/format.h>

#include "transport/peer_verification.hpp"

namespace callgate::transport {
namespace {

using identity::printable;

Error bad(std::string message) {
  return make_error("bad_requirement", std::move(message));
}

// RFC 1123 host names, and '_', which real zones have. Everything that OpenSSL gives a meaning of its own,
// such as a leading dot, is refused here. A last label of digits would be an IPv4 address in another
// notation.
bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  bool label_has_letter = false;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '.') {
      if (label == 0 || label > 63 || name[i - label] == '-' || name[i - 1] == '-') return false;
      if (i == name.size()) return label_has_letter;
      label = 0;
      label_has_letter = false;
      continue;
    }
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) return false;
    label_has_letter = label_has_letter || letter;
    ++label;
  }
  return false;
}

Result<void> parse_name(std::string_view name, Expectation& expectation) {
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  const std::string text(name);
  if (text.find('\0') == std::string::npos) {
    if (::inet_pton(AF_INET, text.c_str(), expectation.ip.data()) == 1) expectation.ip_size = 4;
    if (::inet_pton(AF_INET6, text.c_str(), expectation.ip.data()) == 1) expectation.ip_size = 16;
  }
  if (expectation.ip_size == 0) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (!is_dns_name(name)) {
      return bad(fmt::format("\"{}\" is neither a DNS name nor an IP address, so no certificate can prove it",
                             printable(text, 260)));
    }
  }
  expectation.name = std::string(name);
  return {};
}

}  // namespace

Result<Expectation> parse_requirement(const TargetRequirement& requirement, const std::string& trust_domain) {
  Expectation expectation;
  expectation.verify = requirement.verify;
  expectation.use_bundle = requirement.trust_bundle || !requirement.identity.empty();
  if (!requirement.name.empty()) CALLGATE_TRY(parse_name(requirement.name, expectation));
  if (!requirement.identity.empty()) {
    auto id = identity::SpiffeId::parse(requirement.identity);
    if (!id) {
      return bad(fmt::format("the target's identity \"{}\" is no SPIFFE ID: {}",
                             printable(requirement.identity, 200), id.error().message));
    }
    if (id->trust_domain() != trust_domain) {
      return bad(fmt::format("{} is of another trust domain than {}, and there is no bundle for it",
                             id->text(), trust_domain.empty() ? "this node, which has none" : trust_domain));
    }
    expectation.spiffe_id = std::move(*id);
  }
  if (requirement.verify && requirement.name.empty() && requirement.identity.empty()) {
    return bad("a target that is to be verified needs a name or an identity to verify");
  }
  return expectation;
}

}  // namespace callgate::transport
