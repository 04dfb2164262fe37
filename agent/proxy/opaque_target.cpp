#include "proxy/opaque_target.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "proxy/call_stages.hpp"

namespace callgate::proxy {
namespace {

std::vector<std::string> candidates(const Session& session) {
  const kernel::Flow& flow = session.flow();
  std::vector<std::string> hosts{ip_to_string(flow.destination)};
  for (const std::string_view name : session.policy()->engine->names_of(flow.destination))
    hosts.emplace_back(name);
  return hosts;
}

OpaqueTarget judge(const Session& session, std::string host) {
  OpaqueTarget target;
  target.decision = ConnectionStage::run(session, "tcp", host);
  target.host = std::move(host);
  target.named = !target.decision.rule.empty();
  return target;
}

}  // namespace

OpaqueTarget judge_opaque_target(const Session& session, const std::string& host) {
  for (std::string& other : candidates(session)) {
    OpaqueTarget target = judge(session, std::move(other));
    if (target.named && target.decision.verdict == policy::Verdict::deny) return target;
  }
  return judge(session, host);
}

OpaqueTarget find_opaque_target(const Session& session) {
  const kernel::Flow& flow = session.flow();
  std::optional<OpaqueTarget> allowed;
  std::optional<OpaqueTarget> denied;
  std::string other;
  for (std::string& host : candidates(session)) {
    OpaqueTarget target = judge(session, std::move(host));
    if (target.decision.verdict == policy::Verdict::deny) {
      if (target.named) return target;
      if (!denied) denied = std::move(target);
    } else if (allowed) {
      other = std::move(target.host);
    } else {
      allowed = std::move(target);
    }
  }
  if (!allowed) return std::move(*denied);
  if (!other.empty()) {
    allowed->refusal = Failure{
        502, "ambiguous_target",
        fmt::format(
            "{} is the address of {} and of {}, which policies allow both, and the connection does not say "
            "which it is for: allow `tcp:connect` for one of them only",
            ip_to_string(flow.destination), allowed->host, other)};
  } else {
    allowed->refusal = AddressStage::run(*allowed->decision.upstream, flow);
  }
  return std::move(*allowed);
}

bool is_opaque(const Session& session) {
  const auto hosts = candidates(session);
  const Address& address = session.flow().destination;
  return std::any_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
    return session.policy()->engine->is_opaque(session.selection(), host, address.port, &address);
  });
}

}  // namespace callgate::proxy
