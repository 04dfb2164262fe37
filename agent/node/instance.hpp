// One callgated to a state directory, and numbers that never come again there.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::node {

// Holds the lock of a state directory until it is destroyed.
class Instance {
 public:
  // Makes the directory where needed. Waits for at most `patience` for one that holds the lock. Errors:
  // in_use, naming the process that does; as make_state_directory().
  [[nodiscard]] static Result<Instance> lock(
      const std::string& state_dir, std::chrono::milliseconds patience = std::chrono::milliseconds(0));

 private:
  explicit Instance(Fd lock) : lock_(std::move(lock)) {}

  Fd lock_;
};

// Makes the directory (0700) where needed. Error bad_mode for one that others may write.
[[nodiscard]] Result<void> make_state_directory(const std::string& state_dir);

// The next generation: it is on disk before it is returned, so no launch gets it twice, whoever holds the
// state. Error generation_corrupt for a file that cannot be read as a number: starting again at 1 would
// repeat ids.
[[nodiscard]] Result<std::uint32_t> draw_generation(const std::string& state_dir);

}  // namespace callgate::node
