// Inside of the room: the loaded programs by what they attach to, and the maps by what they hold.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "callgate.skel.h"
#include "kernel/programs.hpp"

namespace callgate::kernel {

struct SkeletonDeleter {
  void operator()(callgate_programs* skeleton) const { callgate_programs::destroy(skeleton); }
};

struct ProgramSet {
  ProgramsConfig config;
  std::string pin_root;
  std::unique_ptr<callgate_programs, SkeletonDeleter> skeleton;
  std::uint64_t gates_cgroup_id = 0;
};

}  // namespace callgate::kernel
