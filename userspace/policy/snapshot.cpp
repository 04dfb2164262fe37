#include "policy/snapshot.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "callgate/v1/policy.pb.h"
#include "policy/text_pattern.hpp"
#include "policy/utf8.hpp"
#include "policy/validate.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t longest_version = 128;

v1::PolicyMode to_wire(Mode mode) {
  return mode == Mode::enforce ? v1::POLICY_MODE_ENFORCE : v1::POLICY_MODE_OBSERVE;
}

v1::PolicyTls to_wire(TlsRequirement tls) {
  switch (tls) {
    case TlsRequirement::plaintext:
      return v1::POLICY_TLS_PLAINTEXT;
    case TlsRequirement::unverified:
      return v1::POLICY_TLS_UNVERIFIED;
    case TlsRequirement::verified:
      return v1::POLICY_TLS_VERIFIED;
    case TlsRequirement::mutual:
      return v1::POLICY_TLS_MUTUAL;
  }
  return v1::POLICY_TLS_UNSPECIFIED;
}

void fill(const Upstream& from, v1::PolicyUpstream& to) {
  to.set_tls(to_wire(from.tls));
  to.set_trust(from.trust == Trust::bundle ? v1::POLICY_TRUST_BUNDLE : v1::POLICY_TRUST_SYSTEM);
  to.set_allow_tls12(from.allow_tls12);
  to.set_port(from.port);
  to.set_identity(from.identity);
}

void fill(const CallPolicy& from, v1::Policy& to) {
  to.set_name(from.name);
  to.set_namespace_(from.namespace_name);
  to.set_mode(to_wire(from.mode));
  for (const auto& caller : from.callers) {
    auto& wire = *to.add_callers();
    if (caller.workload) wire.set_workload(*caller.workload);
    if (caller.process) wire.set_process(*caller.process);
  }
  for (const auto& target : from.targets) {
    auto& wire = *to.add_targets();
    wire.set_host(target.host);
    if (target.port) wire.set_port(*target.port);
    wire.set_protocol(target.protocol == Protocol::opaque ? v1::POLICY_PROTOCOL_OPAQUE
                                                          : v1::POLICY_PROTOCOL_DETECT);
    fill(target.upstream, *wire.mutable_upstream());
  }
  for (const auto& rule : from.rules) {
    auto& wire = *to.add_rules();
    wire.set_name(rule.name);
    for (const auto& function : rule.functions)
      wire.add_functions(function);
    wire.set_action(rule.action == Action::allow ? v1::POLICY_ACTION_ALLOW : v1::POLICY_ACTION_DENY);
    wire.set_reason(rule.reason);
  }
  to.mutable_record()->set_payloads(from.record.payloads);
  to.mutable_record()->set_payload_limit(from.record.payload_limit);
}

Error bad(std::string_view what) {
  return make_error(
      "bad_policy_snapshot",
      fmt::format("the policy snapshot is not usable: {}; callgated and callgate-proxy must be of one build",
                  what));
}

// True if the message or one below it holds a field that this build does not know.
bool has_unknown_fields(const google::protobuf::Message& message) {
  const auto* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty()) return true;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  return std::any_of(fields.begin(), fields.end(), [&](const google::protobuf::FieldDescriptor* field) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) return false;
    if (!field->is_repeated()) return has_unknown_fields(reflection->GetMessage(message, field));
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (has_unknown_fields(reflection->GetRepeatedMessage(message, field, i))) return true;
    }
    return false;
  });
}

std::optional<Mode> from_wire(v1::PolicyMode mode) {
  if (mode == v1::POLICY_MODE_OBSERVE) return Mode::observe;
  if (mode == v1::POLICY_MODE_ENFORCE) return Mode::enforce;
  return std::nullopt;
}

Result<std::uint16_t> port_of(std::uint32_t wire) {
  if (wire > 65535) return bad("a port is above 65535");
  return static_cast<std::uint16_t>(wire);
}

Result<Upstream> from_wire(const v1::PolicyUpstream& wire) {
  Upstream upstream;
  switch (wire.tls()) {
    case v1::POLICY_TLS_PLAINTEXT:
      upstream.tls = TlsRequirement::plaintext;
      break;
    case v1::POLICY_TLS_UNVERIFIED:
      upstream.tls = TlsRequirement::unverified;
      break;
    case v1::POLICY_TLS_VERIFIED:
      upstream.tls = TlsRequirement::verified;
      break;
    case v1::POLICY_TLS_MUTUAL:
      upstream.tls = TlsRequirement::mutual;
      break;
    default:
      return bad("a target has no known TLS requirement");
  }
  if (wire.trust() != v1::POLICY_TRUST_SYSTEM && wire.trust() != v1::POLICY_TRUST_BUNDLE) {
    return bad("a target has no known trust");
  }
  upstream.trust = wire.trust() == v1::POLICY_TRUST_BUNDLE ? Trust::bundle : Trust::system;
  upstream.allow_tls12 = wire.allow_tls12();
  const auto port = port_of(wire.port());
  if (!port) return port.error();
  upstream.port = *port;
  upstream.identity = wire.identity();
  return upstream;
}

Result<Target> from_wire(const v1::PolicyTarget& wire) {
  Target target;
  target.host = wire.host();
  if (wire.has_port()) {
    const auto port = port_of(wire.port());
    if (!port) return port.error();
    target.port = *port;
  }
  if (wire.protocol() != v1::POLICY_PROTOCOL_DETECT && wire.protocol() != v1::POLICY_PROTOCOL_OPAQUE) {
    return bad("a target has no known protocol");
  }
  target.protocol = wire.protocol() == v1::POLICY_PROTOCOL_OPAQUE ? Protocol::opaque : Protocol::detect;
  auto upstream = from_wire(wire.upstream());
  if (!upstream) return upstream.error();
  target.upstream = std::move(*upstream);
  return target;
}

Result<CallPolicy> from_wire(const v1::Policy& wire) {
  CallPolicy policy;
  policy.name = wire.name();
  policy.namespace_name = wire.namespace_();
  const auto mode = from_wire(wire.mode());
  if (!mode) return bad("a policy has no known mode");
  policy.mode = *mode;
  for (const auto& caller : wire.callers()) {
    auto& added = policy.callers.emplace_back();
    if (caller.has_workload()) added.workload = caller.workload();
    if (caller.has_process()) added.process = caller.process();
  }
  for (const auto& target : wire.targets()) {
    auto added = from_wire(target);
    if (!added) return added.error();
    policy.targets.push_back(std::move(*added));
  }
  for (const auto& rule : wire.rules()) {
    if (rule.action() != v1::POLICY_ACTION_ALLOW && rule.action() != v1::POLICY_ACTION_DENY) {
      return bad("a rule has no known action");
    }
    const auto action = rule.action() == v1::POLICY_ACTION_ALLOW ? Action::allow : Action::deny;
    policy.rules.push_back(
        {rule.name(), {rule.functions().begin(), rule.functions().end()}, action, rule.reason()});
  }
  if (!wire.has_record()) return bad("a policy does not say what is recorded");
  policy.record = {wire.record().payloads(), wire.record().payload_limit()};
  const auto faults = validate(policy);
  if (!faults.empty()) return bad(faults.front().message);
  return policy;
}

Result<ResolvedHost> from_wire(const v1::PolicyResolvedHost& wire) {
  ResolvedHost resolved{wire.host(), {}};
  PatternFault fault;
  const auto host = parse_host_pattern(resolved.host, fault);
  if (!host || host->kind != HostPattern::Kind::exact) return bad("a resolved host has no host's name");
  for (const auto& ip : wire.addresses()) {
    if (ip.size() != 4 && ip.size() != 16) return bad("an address is neither 4 nor 16 bytes long");
    Address address;
    std::copy(ip.begin(), ip.end(), address.ip.begin());
    address.v6 = ip.size() == 16;
    resolved.addresses.push_back(address);
  }
  return resolved;
}

}  // namespace

std::string serialize_snapshot(const Snapshot& snapshot) {
  v1::PolicySnapshot wire;
  for (const auto& policy : snapshot.policies)
    fill(policy, *wire.add_policies());
  wire.set_default_mode(to_wire(snapshot.default_mode));
  for (const auto& host : snapshot.resolved) {
    auto& added = *wire.add_resolved();
    added.set_host(host.host);
    for (const auto& address : host.addresses)
      added.add_addresses(address.ip.data(), address.v6 ? 16U : 4U);
  }
  wire.set_version(snapshot.version);
  return wire.SerializeAsString();
}

Result<Snapshot> parse_snapshot(std::string_view bytes) {
  if (bytes.size() > largest_snapshot) return bad("it is larger than 64 MiB");
  v1::PolicySnapshot wire;
  if (!wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return bad("it cannot be decoded");
  if (has_unknown_fields(wire)) return bad("it has fields that this build does not know");
  Snapshot snapshot;
  const auto mode = from_wire(wire.default_mode());
  if (!mode) return bad("it has no known default mode");
  snapshot.default_mode = *mode;
  if (wire.version().size() > longest_version) return bad("its version is longer than 128 bytes");
  snapshot.version = wire.version();
  for (const auto& policy : wire.policies()) {
    auto added = from_wire(policy);
    if (!added) return added.error();
    snapshot.policies.push_back(std::move(*added));
  }
  if (find_collision(snapshot.policies)) return bad("two policies have the same name");
  std::set<std::string> hosts;
  for (const auto& resolved : wire.resolved()) {
    auto added = from_wire(resolved);
    if (!added) return added.error();
    if (!hosts.emplace(CanonicalHost(added->host).view()).second) return bad("a host is resolved twice");
    snapshot.resolved.push_back(std::move(*added));
  }
  return snapshot;
}

Result<std::unique_ptr<const Engine>> load_snapshot(std::string_view bytes) {
  auto snapshot = parse_snapshot(bytes);
  if (!snapshot) return snapshot.error();
  return Engine::compile(std::move(snapshot->policies), snapshot->default_mode, snapshot->resolved);
}

}  // namespace callgate::policy
