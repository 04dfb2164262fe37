#include "proxy/opaque_target.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "proxy/call_stages.hpp"

namespace callgate::proxy {
namespace {

std::vector<std::string> candidates(const policy::Engine& engine, const kernel::Flow& flow) {
  std::vector<std::string> hosts{ip_to_string(flow.destination)};
  for (const std::string_view name : engine.names_of(flow.destination))
    hosts.emplace_back(name);
  return hosts;
}

OpaqueTarget judge(const policy::Engine& engine, const policy::Selection& selection, const kernel::Flow& flow,
                   std::string host) {
  OpaqueTarget target;
  target.decision = engine.decide(selection, {host, flow.destination.port, "tcp", "connect", {}});
  target.host = std::move(host);
  target.named = !target.decision.rule.empty();
  return target;
}

}  // namespace

OpaqueTarget judge_opaque_target(const policy::Engine& engine, const policy::Selection& selection,
                                 const kernel::Flow& flow, const std::string& host) {
  for (std::string& other : candidates(engine, flow)) {
    OpaqueTarget target = judge(engine, selection, flow, std::move(other));
    if (target.named && target.decision.verdict == policy::Verdict::deny) return target;
  }
  return judge(engine, selection, flow, host);
}

OpaqueTarget find_opaque_target(const policy::Engine& engine, const policy::Selection& selection,
                                const kernel::Flow& flow) {
  std::optional<OpaqueTarget> allowed;
  std::optional<OpaqueTarget> denied;
  std::string other;
  for (std::string& host : candidates(engine, flow)) {
    OpaqueTarget target = judge(engine, selection, flow, std::move(host));
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

bool is_opaque(const policy::Engine& engine, const policy::Selection& selection, const kernel::Flow& flow) {
  const auto hosts = candidates(engine, flow);
  return std::any_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
    return engine.is_opaque(selection, host, flow.destination.port);
  });
}

}  // namespace callgate::proxy
