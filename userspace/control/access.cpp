#include "control/access.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace callgate::control {
namespace {

constexpr std::string_view group_prefix = "group:";

std::optional<std::uint32_t> number_of(const std::string& name) {
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || number == ~0U)
    return std::nullopt;
  return number;
}

std::optional<gid_t> group_of(const std::string& name) {
  if (const auto number = number_of(name)) return *number;
  const group* const entry = ::getgrnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

template <typename Id>
bool holds(const std::vector<Id>& ids, Id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

Error denied(std::string message) {
  return make_error("denied", std::move(message));
}

}  // namespace

Users Users::resolve(const std::vector<std::string>& entries, std::vector<std::string>& unknown) {
  Users users;
  for (const auto& name : entries) {
    if (name == "*") {
      users.everybody_ = true;
    } else if (name.compare(0, group_prefix.size(), group_prefix) == 0) {
      const auto gid = group_of(name.substr(group_prefix.size()));
      if (gid)
        users.gids_.push_back(*gid);
      else
        unknown.push_back(name);
    } else if (const auto number = number_of(name)) {
      users.uids_.push_back(*number);
    } else if (const passwd* const entry = ::getpwnam(name.c_str()); entry != nullptr) {
      users.uids_.push_back(entry->pw_uid);
    } else {
      unknown.push_back(name);
    }
  }
  return users;
}

bool Users::contains(const Account& account) const {
  return everybody_ || holds(uids_, account.uid) || holds(gids_, account.gid) ||
         std::any_of(account.groups.begin(), account.groups.end(),
                     [this](gid_t group) { return holds(gids_, group); });
}

Role Access::role_of(const Account& account) const {
  if (account.uid == 0 || admins.contains(account)) return Role::admin;
  if (auditors.contains(account)) return Role::auditor;
  return viewers.contains(account) ? Role::viewer : Role::user;
}

Result<void> Access::may_administrate(const Account& account, std::string_view what) const {
  if (role_of(account) == Role::admin) return {};
  return denied(fmt::format(
      "uid {} may not {}: ask as root, or add the user to `control.admins` in the agent's configuration",
      account.uid, what));
}

Result<void> Access::may_audit(const Account& account, std::string_view what) const {
  if (role_of(account) >= Role::auditor) return {};
  return denied(
      fmt::format("uid {} may not {}: ask as root, or add the user to `control.auditors` or "
                  "`control.admins` in the agent's configuration",
                  account.uid, what));
}

Result<void> Access::may_see_own(const Account& account, std::string_view what) const {
  if (role_of(account) >= Role::viewer || runners.contains(account)) return {};
  return denied(
      fmt::format("uid {} may not {}: ask as root, or add the user to `run.users` (own workloads), "
                  "`control.viewers` (all, without payload), `control.auditors` (all, with payload) or "
                  "`control.admins` (everything) in the agent's configuration",
                  account.uid, what));
}

Result<void> Access::may_run(const Account& account) const {
  if (role_of(account) == Role::admin || runners.contains(account)) return {};
  return denied(
      fmt::format("uid {} may not start workloads: add the user to `run.users` in the agent's configuration",
                  account.uid));
}

Result<void> Access::may_use(const Account& account, std::string_view identity) const {
  if (role_of(account) == Role::admin) return {};
  for (const auto& grant : identities) {
    if (grant.id == identity && grant.users.contains(account)) return {};
  }
  return make_error(
      "identity_not_granted",
      fmt::format(
          "uid {} may not use the identity {}: grant it to the user under `identities` in the agent's "
          "configuration",
          account.uid, identity));
}

bool is_workload_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<gid_t> resolve_group(const std::string& name) {
  if (const auto gid = group_of(name)) return *gid;
  return make_error(
      "not_found",
      fmt::format("there is no group `{}` on this host: create it, or change `control.group`", name));
}

}  // namespace callgate::control
