#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "callgate/v1/policy.pb.h"
#include "policy/snapshot.hpp"
#include "policy/text_pattern.hpp"
#include "policy/utf8.hpp"
#include "policy/validate.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t longest_version = 128;

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
  if (!wire.range().empty()) {
    PatternFault fault;
    target.range = AddressRange::parse(wire.range(), fault);
    if (!target.range) return bad(fault.message);
  }
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

CallerPattern from_wire(const v1::PolicyCaller& wire) {
  CallerPattern caller;
  if (wire.has_workload()) caller.workload = wire.workload();
  if (wire.has_namespace_()) caller.namespace_name = wire.namespace_();
  if (wire.has_service_account()) caller.service_account = wire.service_account();
  if (wire.has_identity()) caller.identity = wire.identity();
  if (wire.has_process()) caller.process = wire.process();
  if (!wire.has_subject()) return caller;
  auto& subject = caller.subject.emplace();
  if (wire.subject().has_issuer()) subject.issuer = wire.subject().issuer();
  if (wire.subject().has_name()) subject.name = wire.subject().name();
  subject.groups = {wire.subject().groups().begin(), wire.subject().groups().end()};
  for (const auto& claim : wire.subject().claims())
    subject.claims.push_back({claim.name(), claim.value()});
  return caller;
}

Result<RecordRequirement> from_wire(const v1::PolicyRecord& wire) {
  RecordRequirement record;
  record.payloads = wire.payloads();
  record.payload_limit = wire.payload_limit();
  if (wire.retain_seconds() < 0 || wire.retain_seconds() > std::numeric_limits<std::uint32_t>::max())
    return bad("a record is kept for a time that makes no sense");
  record.retain = std::chrono::seconds(wire.retain_seconds());
  switch (wire.durability()) {
    case v1::POLICY_DURABILITY_ASYNC:
      record.durability = Durability::async;
      return record;
    case v1::POLICY_DURABILITY_WRITTEN:
      record.durability = Durability::written;
      return record;
    case v1::POLICY_DURABILITY_SYNCED:
      record.durability = Durability::synced;
      return record;
    default:
      return bad("a record has no known durability");
  }
}

std::optional<LimitKey> from_wire(int key) {
  switch (key) {
    case v1::POLICY_LIMIT_KEY_CALLER:
      return LimitKey::caller;
    case v1::POLICY_LIMIT_KEY_PROCESS:
      return LimitKey::process;
    case v1::POLICY_LIMIT_KEY_SUBJECT:
      return LimitKey::subject;
    case v1::POLICY_LIMIT_KEY_FUNCTION:
      return LimitKey::function;
    case v1::POLICY_LIMIT_KEY_TARGET:
      return LimitKey::target;
    default:
      return std::nullopt;
  }
}

Result<Limit> from_wire(const v1::PolicyLimit& wire) {
  Limit limit;
  if (wire.has_calls()) limit.calls = wire.calls();
  if (wire.has_bytes()) limit.bytes = wire.bytes();
  limit.per = std::chrono::seconds(wire.per_seconds());
  for (const int key : wire.by()) {
    const auto known = from_wire(key);
    if (!known) return bad("a limit counts by something unknown");
    limit.by.push_back(*known);
  }
  return limit;
}

Result<Obligations> obligations_of(const v1::PolicyRule& wire) {
  Obligations obligations;
  if (wire.has_approval()) {
    obligations.approval = {{wire.approval().approvers().begin(), wire.approval().approvers().end()},
                            wire.approval().count(),
                            std::chrono::seconds(wire.approval().hold_seconds()),
                            std::chrono::seconds(wire.approval().grant_seconds())};
  }
  for (const auto& mask : wire.masks()) {
    obligations.masks.push_back({{mask.detect().begin(), mask.detect().end()}, mask.json(), mask.header()});
  }
  if (wire.has_credential()) {
    obligations.credential = {wire.credential().from(), wire.credential().header(),
                              wire.credential().format()};
  }
  for (const auto& limit : wire.limits()) {
    auto added = from_wire(limit);
    if (!added) return added.error();
    obligations.limits.push_back(std::move(*added));
  }
  if (wire.has_record()) {
    const auto record = from_wire(wire.record());
    if (!record) return record.error();
    obligations.record = *record;
  }
  return obligations;
}

Result<Rule> from_wire(const v1::PolicyRule& wire) {
  Rule rule;
  rule.name = wire.name();
  rule.functions = {wire.functions().begin(), wire.functions().end()};
  rule.reason = wire.reason();
  rule.when = wire.when();
  switch (wire.action()) {
    case v1::POLICY_ACTION_ALLOW:
      rule.action = Action::allow;
      break;
    case v1::POLICY_ACTION_APPROVE:
      rule.action = Action::approve;
      break;
    case v1::POLICY_ACTION_DENY:
      rule.action = Action::deny;
      break;
    default:
      return bad("a rule has no known action");
  }
  auto obligations = obligations_of(wire);
  if (!obligations) return obligations.error();
  rule.obligations = std::move(*obligations);
  return rule;
}

Result<CallPolicy> from_wire(const v1::Policy& wire) {
  CallPolicy policy;
  policy.name = wire.name();
  policy.namespace_name = wire.namespace_();
  if (wire.kind() != v1::POLICY_KIND_NAMESPACED && wire.kind() != v1::POLICY_KIND_CLUSTER)
    return bad("a policy has no known kind");
  policy.kind = wire.kind() == v1::POLICY_KIND_CLUSTER ? Kind::cluster : Kind::namespaced;
  const auto mode = from_wire(wire.mode());
  if (!mode) return bad("a policy has no known mode");
  policy.mode = *mode;
  for (const auto& caller : wire.callers())
    policy.callers.push_back(from_wire(caller));
  for (const auto& target : wire.targets()) {
    auto added = from_wire(target);
    if (!added) return added.error();
    policy.targets.push_back(std::move(*added));
  }
  for (const auto& rule : wire.rules()) {
    auto added = from_wire(rule);
    if (!added) return added.error();
    policy.rules.push_back(std::move(*added));
  }
  if (!wire.has_record()) return bad("a policy does not say what is recorded");
  const auto record = from_wire(wire.record());
  if (!record) return record.error();
  policy.record = *record;
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
