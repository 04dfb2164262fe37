// Parts of policies in words.
#include <fmt/format.h>

#include "policy/difference.hpp"

namespace callgate::policy {
namespace {

std::string duration_text(std::chrono::seconds time) {
  const auto count = time.count();
  if (count % 86'400 == 0 && count > 0) return fmt::format("{}d", count / 86'400);
  if (count % 3600 == 0 && count > 0) return fmt::format("{}h", count / 3600);
  if (count % 60 == 0 && count > 0) return fmt::format("{}m", count / 60);
  return fmt::format("{}s", count);
}

std::string_view key_text(LimitKey key) {
  switch (key) {
    case LimitKey::caller:
      return "caller.id";
    case LimitKey::process:
      return "caller.process";
    case LimitKey::subject:
      return "caller.subject";
    case LimitKey::function:
      return "function";
    case LimitKey::target:
      return "target";
  }
  return "";
}

void add_part(std::string& text, std::string_view name, std::string_view value) {
  text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
}

}  // namespace

std::string_view to_string(Action action) {
  switch (action) {
    case Action::allow:
      return "allow";
    case Action::approve:
      return "approve";
    case Action::deny:
      return "deny";
  }
  return "";
}

std::string_view to_string(Mode mode) {
  return mode == Mode::enforce ? "enforce" : "observe";
}

std::string to_string(const CallerPattern& caller) {
  std::string text;
  if (caller.workload) add_part(text, "workload", *caller.workload);
  if (caller.namespace_name) add_part(text, "namespace", *caller.namespace_name);
  if (caller.service_account) add_part(text, "service account", *caller.service_account);
  if (caller.identity) add_part(text, "identity", *caller.identity);
  if (caller.process) add_part(text, "process", *caller.process);
  if (!caller.subject) return text;
  if (caller.subject->issuer) add_part(text, "issuer", *caller.subject->issuer);
  if (caller.subject->name) add_part(text, "subject", *caller.subject->name);
  if (!caller.subject->groups.empty())
    add_part(text, "groups", fmt::format("{}", fmt::join(caller.subject->groups, "|")));
  for (const auto& claim : caller.subject->claims)
    add_part(text, "claim", claim.name + "=" + claim.value);
  return text;
}

std::string to_string(const Upstream& upstream) {
  static constexpr std::string_view names[] = {"plaintext", "TLS without verification", "verified TLS",
                                               "mutual TLS"};
  std::string text(names[static_cast<std::size_t>(upstream.tls)]);
  if (upstream.allow_tls12) text += ", 1.2 too";
  if (!upstream.identity.empty()) {
    text += ", as " + upstream.identity;
  } else if (upstream.trust == Trust::bundle) {
    text += ", by the trust bundle";
  }
  if (upstream.port != 0) text += fmt::format(", port {}", upstream.port);
  return text;
}

std::string to_string(const Target& target) {
  std::string text = target.host;
  if (target.range) text += fmt::format("{}{}", text.empty() ? "" : " in ", target.range->text());
  if (text.empty()) text = target.upstream.identity;
  if (target.port) text += fmt::format(" port {}", *target.port);
  if (target.protocol == Protocol::opaque) text += ", opaque";
  return text;
}

std::string to_string(const RecordRequirement& record) {
  std::string text = record.payloads ? "payloads" : "no payloads";
  if (record.payloads && record.payload_limit != ~0ULL)
    text += fmt::format(" up to {} bytes", record.payload_limit);
  if (record.durability == Durability::synced) text += ", synced";
  if (record.durability == Durability::async) text += ", async";
  if (record.retain.count() != 0) text += ", kept " + duration_text(record.retain);
  return text;
}

std::string to_string(const Limit& limit) {
  std::string text;
  if (limit.calls) text = fmt::format("{} calls", *limit.calls);
  if (limit.bytes) text += fmt::format("{}{} bytes", text.empty() ? "" : " and ", *limit.bytes);
  text += " in " + duration_text(limit.per);
  for (std::size_t i = 0; i < limit.by.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? " by " : ", ", key_text(limit.by[i]));
  return text;
}

std::string to_string(const Mask& mask) {
  if (!mask.json.empty()) return mask.json;
  if (!mask.header.empty()) return "header " + mask.header;
  return fmt::format("{}", fmt::join(mask.detect, ", "));
}

std::vector<std::string> describe(const Obligations& obligations) {
  std::vector<std::string> lines;
  if (const auto& approval = obligations.approval) {
    lines.push_back(fmt::format("approval: {} of {}, held {}, good for {}", approval->count,
                                fmt::join(approval->approvers, ", "), duration_text(approval->hold),
                                duration_text(approval->grant)));
  }
  for (const auto& mask : obligations.masks)
    lines.push_back("mask: " + to_string(mask));
  if (obligations.credential) {
    lines.push_back(fmt::format("credential: {} as {}: {}", obligations.credential->from,
                                obligations.credential->header, obligations.credential->format));
  }
  for (const auto& limit : obligations.limits)
    lines.push_back("limit: " + to_string(limit));
  if (obligations.record) lines.push_back("record: " + to_string(*obligations.record));
  return lines;
}

}  // namespace callgate::policy
