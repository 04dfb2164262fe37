#include "control/access.hpp"

#include <utility>

#include <catch2/catch.hpp>

#include "control/server.hpp"
#include "fixture.hpp"

using namespace callgate;
using control::Access;
using control::Account;
using control::Peer;
using control::Role;
using control::Users;

namespace {

const std::string pay = "spiffe://callgate.local/pay";

// In no group of interest.
Account user(uid_t uid) {
  return {uid, 9999, {}};
}

// A user whom nothing names, in a supplementary group.
Account in_group(gid_t gid) {
  return {9998, 9999, {9997, gid}};
}

Users users(const std::vector<std::string>& names) {
  std::vector<std::string> unknown;
  auto result = Users::resolve(names, unknown);
  CHECK(unknown.empty());
  return result;
}

}  // namespace

TEST_CASE("users are resolved by name, by number, or all") {
  CHECK(users({"nobody"}).contains(user(65534)));
  CHECK_FALSE(users({"nobody"}).contains(user(1)));
  CHECK(users({"1000"}).contains(user(1000)));
  CHECK(users({"*"}).contains(user(4242)));
  CHECK_FALSE(users({}).contains(user(0)));
}

TEST_CASE("groups are resolved by name and number, and count as primary and supplementary ones") {
  for (const auto& daemons : {users({"group:daemon"}), users({"group:1"})}) {
    CHECK(daemons.contains({1000, 1, {}}));
    CHECK(daemons.contains({1000, 1000, {5, 1}}));
    CHECK_FALSE(daemons.contains({1000, 1000, {5, 6}}));
    CHECK_FALSE(daemons.contains({1, 1000, {}}));  // a uid is no gid
  }
  CHECK_FALSE(users({"1"}).contains({1000, 1, {1}}));  // nor the other way round
  CHECK_FALSE(users({}).contains({1000, 0, {0}}));
}

TEST_CASE("a name that the host does not know stands for nobody and is reported") {
  const std::vector<std::string> names{
      "no-such-user-here", "4294967295", "-1",     "group:no-such-group-here",
      "group:4294967295",  "group:",     "group:*"};
  std::vector<std::string> unknown;
  const auto resolved = Users::resolve(names, unknown);
  CHECK(unknown == names);
  CHECK_FALSE(resolved.contains(user(0)));
  CHECK_FALSE(resolved.contains({4294967295U, 4294967295U, {4294967295U}}));
}

TEST_CASE("each role may do what it is for, and what the ones below it may") {
  const Access access{.admins = users({"10", "group:110"}),
                      .auditors = users({"20", "group:120"}),
                      .viewers = users({"30", "group:130"}),
                      .runners = users({"40", "group:140"}),
                      .identities = {{pay, users({"40", "50", "group:150"})}}};
  struct Case {
    Account account;
    Role role;
    bool administrate, audit, see, run, use;
  };
  const std::vector<Case> cases{
      {user(0), Role::admin, true, true, true, true, true},
      {user(10), Role::admin, true, true, true, true, true},
      {in_group(110), Role::admin, true, true, true, true, true},
      {user(20), Role::auditor, false, true, true, false, false},
      {in_group(120), Role::auditor, false, true, true, false, false},
      {user(30), Role::viewer, false, false, true, false, false},
      {in_group(130), Role::viewer, false, false, true, false, false},
      {user(40), Role::user, false, false, true, true, true},
      {in_group(140), Role::user, false, false, true, true, false},
      {user(50), Role::user, false, false, false, false, true},
      {in_group(150), Role::user, false, false, false, false, true},
      {user(60), Role::user, false, false, false, false, false},
      {in_group(0), Role::user, false, false, false, false, false},  // root's group is not root
  };
  for (const auto& expected : cases) {
    INFO(expected.account.uid << " " << expected.account.gid);
    CHECK(access.role_of(expected.account) == expected.role);
    CHECK(access.may_administrate(expected.account, "enrol").has_value() == expected.administrate);
    CHECK(access.may_audit(expected.account, "search").has_value() == expected.audit);
    CHECK(access.may_see_own(expected.account, "list").has_value() == expected.see);
    CHECK(access.may_run(expected.account).has_value() == expected.run);
    CHECK(access.may_use(expected.account, pay).has_value() == expected.use);
    CHECK(access.may_use(expected.account, pay + "2").has_value() == expected.administrate);
  }
}

TEST_CASE("of several roles the greatest counts") {
  const Access access{.admins = users({"group:1"}),
                      .auditors = users({"group:2", "10"}),
                      .viewers = users({"group:3", "10"}),
                      .runners = {},
                      .identities = {}};
  CHECK(access.role_of({10, 10, {3}}) == Role::auditor);
  CHECK(access.role_of({11, 3, {2}}) == Role::auditor);
  CHECK(access.role_of({11, 3, {2, 1}}) == Role::admin);
}

TEST_CASE("a peer sees what is its own, and what its role lets it") {
  const auto may = [](Role role, uid_t owner) {
    const Peer peer{.uid = 7, .gid = 7, .pid = 1, .pidfd = -1, .role = role};
    return std::pair(peer.sees(owner), peer.may_read_payload(owner));
  };
  for (const auto role : {Role::user, Role::viewer, Role::auditor, Role::admin})
    CHECK(may(role, 7) == std::pair(true, true));
  CHECK(may(Role::user, 8) == std::pair(false, false));
  CHECK(may(Role::viewer, 8) == std::pair(true, false));
  CHECK(may(Role::auditor, 8) == std::pair(true, true));
  CHECK(may(Role::admin, 8) == std::pair(true, true));
}

TEST_CASE("a refusal names the keys that would allow it") {
  const Access access;
  const auto contains = [](const Result<void>& refused, const std::string& key) {
    return refused.error().message.find("`" + key + "`") != std::string::npos;
  };
  const auto enrol = access.may_administrate(user(7), "enrol");
  CHECK(enrol.error().message.find("uid 7 may not enrol") == 0);
  CHECK(contains(enrol, "control.admins"));
  const auto search = access.may_audit(user(7), "search");
  CHECK(search.error().code == "denied");
  CHECK(contains(search, "control.auditors"));
  CHECK(contains(search, "control.admins"));
  CHECK(contains(access.may_run(user(7)), "run.users"));
  CHECK(contains(access.may_use(user(7), pay), "identities"));
  CHECK(access.may_use(user(7), pay).error().code == "identity_not_granted");
  const auto list = access.may_see_own(user(7), "list");
  CHECK(list.error().code == "denied");
  for (const auto* key : {"run.users", "control.viewers", "control.auditors", "control.admins"})
    CHECK(contains(list, key));
}

TEST_CASE("names of workloads are DNS labels") {
  for (const auto* name : {"a", "shop", "shop-2", "0"})
    CHECK(control::is_workload_name(name));
  for (const auto* name : {"", "-a", "a-", "A", "a.b", "a_b", "a b", "ä"})
    CHECK_FALSE(control::is_workload_name(name));
  CHECK(control::is_workload_name(std::string(63, 'a')));
  CHECK_FALSE(control::is_workload_name(std::string(64, 'a')));
}

TEST_CASE("groups are resolved by name or number") {
  CHECK(*control::resolve_group("root") == 0);
  CHECK(*control::resolve_group("1234") == 1234);
  CHECK(control::resolve_group("no-such-group-here").error().code == "not_found");
}
