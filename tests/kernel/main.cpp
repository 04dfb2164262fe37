// Kernel programs against the running kernel. Needs root; everything happens in namespaces and cgroups of its
// own.
#define CATCH_CONFIG_RUNNER
#include <cstdio>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "world.hpp"

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    std::fprintf(stderr, "kernel_tests skipped: loading kernel programs needs root (sudo scripts/test)\n");
    return 77;
  }
  int failed = 0;
  try {
    failed = Catch::Session().run(argc, argv);
    callgate::test::Machine::tear_down();
    for (const auto& what : callgate::test::what_was_not_run())
      std::printf("NOT RUN here: %s\n", what.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernel_tests: %s\n", error.what());
    return 1;
  }
  return failed == 0 ? 0 : 1;
}
