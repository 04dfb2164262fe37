#include "control/access.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace callgate::control {
namespace {

std::optional<std::uint32_t> number_of(const std::string& name) {
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || number == ~0U)
    return std::nullopt;
  return number;
}

Error denied(std::string message) {
  return make_error("denied", std::move(message));
}

}  // namespace

Users Users::resolve(const std::vector<std::string>& names, std::vector<std::string>& unknown) {
  Users users;
  for (const auto& name : names) {
    if (name == "*") {
      users.everybody_ = true;
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

bool Users::contains(uid_t uid) const {
  return everybody_ || std::find(uids_.begin(), uids_.end(), uid) != uids_.end();
}

bool Access::is_admin(uid_t uid) const {
  return uid == 0 || admins.contains(uid);
}

Result<void> Access::may_administrate(uid_t uid, std::string_view what) const {
  if (is_admin(uid)) return {};
  return denied(fmt::format(
      "uid {} may not {}: ask as root, or add the user to `control.admins` in the agent's configuration", uid,
      what));
}

Result<void> Access::may_see_own(uid_t uid, std::string_view what) const {
  if (is_admin(uid) || runners.contains(uid)) return {};
  return denied(
      fmt::format("uid {} may not {}: ask as root, or add the user to `run.users` (own workloads) or "
                  "`control.admins` (everything) in "
                  "the agent's configuration",
                  uid, what));
}

Result<void> Access::may_run(uid_t uid) const {
  if (is_admin(uid) || runners.contains(uid)) return {};
  return denied(fmt::format(
      "uid {} may not start workloads: add the user to `run.users` in the agent's configuration", uid));
}

Result<void> Access::may_use(uid_t uid, std::string_view identity) const {
  if (is_admin(uid)) return {};
  for (const auto& grant : identities) {
    if (grant.id == identity && grant.users.contains(uid)) return {};
  }
  return make_error(
      "identity_not_granted",
      fmt::format(
          "uid {} may not use the identity {}: grant it to the user under `identities` in the agent's "
          "configuration",
          uid, identity));
}

bool is_workload_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<gid_t> resolve_group(const std::string& name) {
  if (const auto number = number_of(name)) return *number;
  if (const group* const entry = ::getgrnam(name.c_str()); entry != nullptr) return entry->gr_gid;
  return make_error(
      "not_found",
      fmt::format("there is no group `{}` on this host: create it, or change `control.group`", name));
}

}  // namespace callgate::control
