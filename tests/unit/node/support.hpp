// What the tests of this room share: a directory, a cgroup, and the way to skip without root.
#pragma once

#include <chrono>
#include <functional>

#include "../workload/temporary.hpp"
#include "node/loop.hpp"

namespace callgate::testing {

// Runs the loop until `done`, for at most 20 seconds; whether it was.
inline bool run_until(node::Loop& loop, const std::function<bool()>& done) {
  loop.run_until(done, std::chrono::seconds(20));
  return done();
}

}  // namespace callgate::testing
