// Who may ask what of the control API, decided by uid alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace callgate::control {

// Some users, named by configuration.
class Users {
 public:
  // Names and numbers of users; "*" is everybody. Names that this host does not know are appended to
  // `unknown`, and stand for nobody.
  [[nodiscard]] static Users resolve(const std::vector<std::string>& names,
                                     std::vector<std::string>& unknown);
  [[nodiscard]] bool contains(uid_t uid) const;

 private:
  bool everybody_ = false;
  std::vector<uid_t> uids_;
};

struct IdentityGrant {
  std::string id;  // SPIFFE ID
  Users users;
};

// What each uid may do. Root may do everything.
struct Access {
  Users admins;
  Users runners;
  std::vector<IdentityGrant> identities;

  [[nodiscard]] bool is_admin(uid_t uid) const;
  // Error denied, with the configuration key that would allow it.
  [[nodiscard]] Result<void> may_administrate(uid_t uid, std::string_view what) const;
  [[nodiscard]] Result<void> may_see_own(uid_t uid, std::string_view what) const;
  [[nodiscard]] Result<void> may_run(uid_t uid) const;
  // Error identity_not_granted.
  [[nodiscard]] Result<void> may_use(uid_t uid, std::string_view identity) const;
};

// A DNS label: 1 to 63 of a-z, 0-9 and "-", neither first nor last a "-".
[[nodiscard]] bool is_workload_name(std::string_view name);

// The gid of a group given by name or number; error not_found.
[[nodiscard]] Result<gid_t> resolve_group(const std::string& name);

}  // namespace callgate::control
