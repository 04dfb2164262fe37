#include "policy/snapshot.hpp"

#include "callgate/v1/policy.pb.h"

namespace callgate::policy {
namespace {

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

v1::PolicyAction to_wire(Action action) {
  switch (action) {
    case Action::allow:
      return v1::POLICY_ACTION_ALLOW;
    case Action::approve:
      return v1::POLICY_ACTION_APPROVE;
    case Action::deny:
      return v1::POLICY_ACTION_DENY;
  }
  return v1::POLICY_ACTION_UNSPECIFIED;
}

v1::PolicyDurability to_wire(Durability durability) {
  switch (durability) {
    case Durability::async:
      return v1::POLICY_DURABILITY_ASYNC;
    case Durability::written:
      return v1::POLICY_DURABILITY_WRITTEN;
    case Durability::synced:
      return v1::POLICY_DURABILITY_SYNCED;
  }
  return v1::POLICY_DURABILITY_UNSPECIFIED;
}

v1::PolicyLimitKey to_wire(LimitKey key) {
  switch (key) {
    case LimitKey::caller:
      return v1::POLICY_LIMIT_KEY_CALLER;
    case LimitKey::process:
      return v1::POLICY_LIMIT_KEY_PROCESS;
    case LimitKey::subject:
      return v1::POLICY_LIMIT_KEY_SUBJECT;
    case LimitKey::function:
      return v1::POLICY_LIMIT_KEY_FUNCTION;
    case LimitKey::target:
      return v1::POLICY_LIMIT_KEY_TARGET;
  }
  return v1::POLICY_LIMIT_KEY_UNSPECIFIED;
}

void fill(const RecordRequirement& from, v1::PolicyRecord& to) {
  to.set_payloads(from.payloads);
  to.set_payload_limit(from.payload_limit);
  to.set_durability(to_wire(from.durability));
  to.set_retain_seconds(from.retain.count());
}

void fill(const CallerPattern& from, v1::PolicyCaller& to) {
  if (from.workload) to.set_workload(*from.workload);
  if (from.namespace_name) to.set_namespace_(*from.namespace_name);
  if (from.service_account) to.set_service_account(*from.service_account);
  if (from.identity) to.set_identity(*from.identity);
  if (from.process) to.set_process(*from.process);
  if (!from.subject) return;
  auto& subject = *to.mutable_subject();
  if (from.subject->issuer) subject.set_issuer(*from.subject->issuer);
  if (from.subject->name) subject.set_name(*from.subject->name);
  for (const auto& group : from.subject->groups)
    subject.add_groups(group);
  for (const auto& claim : from.subject->claims) {
    auto& added = *subject.add_claims();
    added.set_name(claim.name);
    added.set_value(claim.value);
  }
}

void fill(const Obligations& from, v1::PolicyRule& to) {
  if (from.approval) {
    auto& approval = *to.mutable_approval();
    for (const auto& approver : from.approval->approvers)
      approval.add_approvers(approver);
    approval.set_count(from.approval->count);
    approval.set_hold_seconds(from.approval->hold.count());
    approval.set_grant_seconds(from.approval->grant.count());
  }
  for (const auto& mask : from.masks) {
    auto& added = *to.add_masks();
    for (const auto& name : mask.detect)
      added.add_detect(name);
    added.set_json(mask.json);
    added.set_header(mask.header);
  }
  if (from.credential) {
    to.mutable_credential()->set_from(from.credential->from);
    to.mutable_credential()->set_header(from.credential->header);
    to.mutable_credential()->set_format(from.credential->format);
  }
  for (const auto& limit : from.limits) {
    auto& added = *to.add_limits();
    if (limit.calls) added.set_calls(*limit.calls);
    if (limit.bytes) added.set_bytes(*limit.bytes);
    added.set_per_seconds(limit.per.count());
    for (const auto key : limit.by)
      added.add_by(to_wire(key));
  }
  if (from.record) fill(*from.record, *to.mutable_record());
}

void fill(const CallPolicy& from, v1::Policy& to) {
  to.set_name(from.name);
  to.set_namespace_(from.namespace_name);
  to.set_kind(from.kind == Kind::cluster ? v1::POLICY_KIND_CLUSTER : v1::POLICY_KIND_NAMESPACED);
  to.set_mode(to_wire(from.mode));
  for (const auto& caller : from.callers)
    fill(caller, *to.add_callers());
  for (const auto& target : from.targets) {
    auto& wire = *to.add_targets();
    wire.set_host(target.host);
    if (target.range) wire.set_range(target.range->text());
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
    wire.set_action(to_wire(rule.action));
    wire.set_reason(rule.reason);
    wire.set_when(rule.when);
    fill(rule.obligations, wire);
  }
  fill(from.record, *to.mutable_record());
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

}  // namespace callgate::policy
