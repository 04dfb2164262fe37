#include "suggest/target_evidence.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/identity_pattern.hpp"
#include "suggest/text.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t most_kept = 4;

template <typename T>
void keep_some(std::set<T>& kept, const T& value) {
  if (kept.size() < most_kept) kept.insert(value);
}

std::string_view trust_domain(std::string_view spiffe_id) {
  constexpr std::string_view scheme = "spiffe://";
  if (!policy::is_spiffe_id(spiffe_id)) return {};
  const auto rest = spiffe_id.substr(scheme.size());
  return rest.substr(0, rest.find('/'));
}

std::string_view name_of(int requirement) {
  switch (requirement) {
    case v1::TLS_REQUIREMENT_MUTUAL:
      return "mutual";
    case v1::TLS_REQUIREMENT_VERIFIED:
      return "verified";
    case v1::TLS_REQUIREMENT_UNVERIFIED:
      return "unverified";
    case v1::TLS_REQUIREMENT_PLAINTEXT:
      return "plaintext";
    default:
      return "observed only";
  }
}

}  // namespace

void UpstreamEvidence::add(const v1::Record& record) {
  const auto& upstream = record.upstream();
  auto& count = required_[upstream.required()];
  ++count.calls;
  if (!upstream.reached()) return;
  ++count.reached;
  if (upstream.address().port() != record.target().port() && upstream.address().port() != 0)
    keep_some(ports_, upstream.address().port());
  tls12_ = tls12_ || upstream.tls_version() == "TLSv1.2";
  if (!upstream.verified() && !upstream.probed()) return;
  const auto& identity = upstream.certificate().spiffe_id();
  const auto domain = trust_domain(identity);
  // The system's authorities could have signed such a certificate too, but not for this trust domain.
  if (!domain.empty() && domain == trust_domain(record.workload().spiffe_id())) {
    keep_some(identities_, identity);
  } else {
    other_certificates_ = true;
  }
}

v1::TlsRequirement UpstreamEvidence::requirement() const {
  constexpr std::array strongest_first{v1::TLS_REQUIREMENT_MUTUAL, v1::TLS_REQUIREMENT_VERIFIED,
                                       v1::TLS_REQUIREMENT_UNVERIFIED, v1::TLS_REQUIREMENT_PLAINTEXT};
  // What worked goes before what was only asked for.
  for (const bool reached : {true, false}) {
    for (const auto wanted : strongest_first) {
      const auto at = required_.find(wanted);
      if (at != required_.end() && (!reached || at->second.reached != 0)) return wanted;
    }
  }
  return v1::TLS_REQUIREMENT_VERIFIED;
}

bool UpstreamEvidence::is_weak() const {
  const auto wanted = requirement();
  return wanted == v1::TLS_REQUIREMENT_PLAINTEXT || wanted == v1::TLS_REQUIREMENT_UNVERIFIED;
}

std::string UpstreamEvidence::flow_map() const {
  std::string fields;
  const auto field = [&](const std::string& text) { fields += (fields.empty() ? "" : ", ") + text; };
  if (ports_.size() == 1) field(fmt::format("port: {}", *ports_.begin()));
  field(fmt::format("tls: {}", name_of(requirement())));
  if (!is_weak() && !identities_.empty() && !other_certificates_) {
    field(identities_.size() == 1 ? "identity: " + yaml_text(*identities_.begin()) : "trust: bundle");
  }
  if (tls12_ && requirement() != v1::TLS_REQUIREMENT_PLAINTEXT) field("min_version: \"1.2\"");
  return "{" + fields + "}";
}

std::string UpstreamEvidence::comments(const std::string& indent) const {
  std::string out;
  const auto line = [&](const std::string& text) { out += indent + "# " + text + "\n"; };
  std::string seen;
  for (const auto& [requirement, count] : required_) {
    const auto failed = count.calls - count.reached;
    const bool observed = name_of(requirement) == "observed only";
    seen += fmt::format("{}{} {}{}", seen.empty() ? "" : "; ", count_text(count.calls, "call"),
                        name_of(requirement),
                        failed == 0 || observed ? "" : fmt::format(" ({} did not reach it)", failed));
  }
  line(seen);
  const auto wanted = requirement();
  if (wanted == v1::TLS_REQUIREMENT_PLAINTEXT)
    line(
        "WARNING: plaintext. Everybody on the way can read and change these calls; ask for `tls: verified`.");
  if (wanted == v1::TLS_REQUIREMENT_UNVERIFIED)
    line("WARNING: unverified. Nobody knows who answers these calls; ask for `tls: verified`.");
  if (!required_.contains(wanted))
    line(
        "No call to it was enforced: nobody knows whether it speaks TLS on this port. If it does on another, "
        "name `port`.");
  if (ports_.size() > 1) line("It was reached at several ports: name the right one as `port`.");
  if (identities_.size() > 1 || (!identities_.empty() && other_certificates_))
    line("It proved itself with different certificates: `identity` would name one.");
  if (tls12_) line("It was reached over TLS 1.2; without `min_version` it would have to speak 1.3.");
  return out;
}

std::size_t TargetEvidence::nodes() const {
  std::size_t sum = 0;
  for (const auto& [method, tree] : http)
    sum += tree.nodes();
  return sum;
}

}  // namespace callgate::suggest
