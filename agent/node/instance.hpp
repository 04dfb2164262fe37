// One callgated to a state directory, and numbers that never come again there.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::node {

// Holds the lock of a state directory until it is destroyed.
class Instance {
 public:
  // Makes the directory (0700) where needed. Errors: in_use, naming the process that holds the lock; bad_mode
  // for a directory that others may write.
  [[nodiscard]] static Result<Instance> lock(const std::string& state_dir);

  // The next generation: it is on disk before it is returned, so no launch gets it twice. Error
  // generation_corrupt for a file that cannot be read as a number: starting again at 1 would repeat ids.
  [[nodiscard]] Result<std::uint32_t> draw_generation();

 private:
  Instance(std::string state_dir, Fd lock) : state_dir_(std::move(state_dir)), lock_(std::move(lock)) {}

  std::string state_dir_;
  Fd lock_;
};

}  // namespace callgate::node
