// Who may ask what of the control API, decided by uid and groups alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace callgate::control {

// Somebody who asks, as the kernel knows them.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;              // primary group
  std::vector<gid_t> groups;  // supplementary ones
};

// Some users, named by configuration.
class Users {
 public:
  // Names and numbers of users, and of groups behind "group:"; "*" is everybody. Entries that this host does
  // not know are appended to `unknown`, and stand for nobody.
  [[nodiscard]] static Users resolve(const std::vector<std::string>& entries,
                                     std::vector<std::string>& unknown);
  // Named, or in one of the groups named.
  [[nodiscard]] bool contains(const Account& account) const;

 private:
  bool everybody_ = false;
  std::vector<uid_t> uids_;
  std::vector<gid_t> gids_;
};

// What somebody may know of what belongs to others; each role includes those before it.
enum class Role : std::uint8_t {
  user,     // nothing
  viewer,   // workloads, policies and records, never payload
  auditor,  // and payload
  admin,    // and may do everything
};

struct IdentityGrant {
  std::string id;  // SPIFFE ID
  Users users;
};

// What each account may do. Root may do everything.
struct Access {
  Users admins;
  Users auditors;
  Users viewers;
  Users runners;
  std::vector<IdentityGrant> identities;

  // The greatest one that the account has.
  [[nodiscard]] Role role_of(const Account& account) const;
  // All that follow: error denied, with the configuration keys that would allow it.
  [[nodiscard]] Result<void> may_administrate(const Account& account, std::string_view what) const;
  // What is about the payload or the proofs of everybody.
  [[nodiscard]] Result<void> may_audit(const Account& account, std::string_view what) const;
  // At least what belongs to the account itself; how much more says its role.
  [[nodiscard]] Result<void> may_see_own(const Account& account, std::string_view what) const;
  [[nodiscard]] Result<void> may_run(const Account& account) const;
  // Error identity_not_granted.
  [[nodiscard]] Result<void> may_use(const Account& account, std::string_view identity) const;
};

// Told instead of payload that its reader may not see.
inline constexpr std::string_view payload_withheld =
    "what was sent and answered is shown to the user who started the workload, and to those whom "
    "`control.auditors` or `control.admins` names in the agent's configuration";

// A DNS label: 1 to 63 of a-z, 0-9 and "-", neither first nor last a "-".
[[nodiscard]] bool is_workload_name(std::string_view name);

// The gid of a group given by name or number; error not_found.
[[nodiscard]] Result<gid_t> resolve_group(const std::string& name);

}  // namespace callgate::control
