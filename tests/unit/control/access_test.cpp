#include "control/access.hpp"

#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace callgate;
using control::Access;
using control::Users;

namespace {

Users users(const std::vector<std::string>& names) {
  std::vector<std::string> unknown;
  auto result = Users::resolve(names, unknown);
  CHECK(unknown.empty());
  return result;
}

}  // namespace

TEST_CASE("users are resolved by name, by number, or all") {
  CHECK(users({"nobody"}).contains(65534));
  CHECK_FALSE(users({"nobody"}).contains(1));
  CHECK(users({"1000"}).contains(1000));
  CHECK(users({"*"}).contains(4242));
  CHECK_FALSE(users({}).contains(0));
}

TEST_CASE("a name that the host does not know stands for nobody and is reported") {
  std::vector<std::string> unknown;
  const auto resolved = Users::resolve({"no-such-user-here", "4294967295", "-1"}, unknown);
  CHECK(unknown == std::vector<std::string>{"no-such-user-here", "4294967295", "-1"});
  CHECK_FALSE(resolved.contains(0));
  CHECK_FALSE(resolved.contains(4294967295U));
}

TEST_CASE("root and administrators may do everything, others what is granted") {
  const Access access{users({"10"}), users({"20"}), {{"spiffe://callgate.local/pay", users({"20", "30"})}}};
  for (const uid_t uid : {0U, 10U}) {
    CHECK(access.is_admin(uid));
    CHECK(access.may_administrate(uid, "enrol"));
    CHECK(access.may_see_own(uid, "list"));
    CHECK(access.may_run(uid));
    CHECK(access.may_use(uid, "spiffe://callgate.local/other"));
  }
  CHECK_FALSE(access.is_admin(20));
  CHECK_FALSE(access.may_administrate(20, "enrol"));
  CHECK(access.may_see_own(20, "list"));
  CHECK(access.may_run(20));
  CHECK(access.may_use(20, "spiffe://callgate.local/pay"));
  CHECK_FALSE(access.may_use(20, "spiffe://callgate.local/pay2"));
  CHECK_FALSE(access.may_use(40, "spiffe://callgate.local/pay"));
  CHECK_FALSE(access.may_see_own(40, "list"));
  CHECK_FALSE(access.may_run(40));
}

TEST_CASE("a refusal names the key that would allow it") {
  const Access access;
  CHECK(access.may_administrate(7, "enrol").error().message.find("uid 7 may not enrol") == 0);
  CHECK(access.may_administrate(7, "enrol").error().message.find("`control.admins`") != std::string::npos);
  CHECK(access.may_run(7).error().message.find("`run.users`") != std::string::npos);
  CHECK(access.may_use(7, "spiffe://a/b").error().message.find("`identities`") != std::string::npos);
  CHECK(access.may_use(7, "spiffe://a/b").error().code == "identity_not_granted");
  CHECK(access.may_see_own(7, "list").error().code == "denied");
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
