#include "workload/workload.hpp"

#include <catch2/catch.hpp>

using namespace callgate::workload;

TEST_CASE("names of workloads are DNS labels") {
  CHECK(is_workload_name("a"));
  CHECK(is_workload_name("shop-2"));
  CHECK(is_workload_name(std::string(63, 'x')));
  CHECK_FALSE(is_workload_name(""));
  CHECK_FALSE(is_workload_name(std::string(64, 'x')));
  CHECK_FALSE(is_workload_name("-a"));
  CHECK_FALSE(is_workload_name("a-"));
  CHECK_FALSE(is_workload_name("A"));
  CHECK_FALSE(is_workload_name("a.b"));
  CHECK_FALSE(is_workload_name("a/b"));
  CHECK_FALSE(is_workload_name("a\nb"));
}

TEST_CASE("any text becomes a valid name") {
  CHECK(make_workload_name("nginx.service") == "nginx-service");
  CHECK(make_workload_name("My App!!") == "my-app");
  CHECK(make_workload_name("..//..") == "workload");
  CHECK(make_workload_name("") == "workload");
  for (const std::string text : {"a.", "-x-", "\xff\xfe", "..a..b..", "run-u42.scope"}) {
    CAPTURE(text);
    CHECK(is_workload_name(make_workload_name(text)));
  }
  CHECK(is_workload_name(make_workload_name(std::string(62, 'a') + "-" + std::string(50, 'b'))));
}
