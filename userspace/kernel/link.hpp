// Inside of the room: one program attached to one cgroup by a pinned link.
#pragma once

#include <cstdint>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::kernel {

// A place where a program belongs; the program's name is also the name of its pin.
struct Hook {
  const char* program;
  bpf_attach_type type;
};

struct LinkState {
  std::uint64_t cgroup_id = 0;  // 0: the cgroup is gone, the link is dead
  std::uint32_t program_id = 0;
  bpf_attach_type type{};
};

// Errors of all: system; others as noted.

[[nodiscard]] Result<LinkState> link_state(int link_fd);
// The pinned link at `path`; error no_pin.
[[nodiscard]] Result<Fd> open_pin(const std::string& path);
// Attaches and pins; a pin that is already there is replaced, and its link detached only after the new one is
// attached. Error attach_failed.
[[nodiscard]] Result<void> attach_and_pin(const bpf_object* object, const Hook& hook, int cgroup_fd,
                                          const std::string& path);
// Makes a pinned link run our program: in place where the link is alive, of the right kind, and its present
// program uses the map `config_map_id`; by attaching anew otherwise. (The kernel would accept a program of
// another attach type, or with another storage map, and the redirect would silently stop.)
[[nodiscard]] Result<void> update_or_attach(const bpf_object* object, const Hook& hook, int cgroup_fd,
                                            const std::string& path, std::uint32_t config_map_id);
// Detaches and removes the pin; a missing one is fine.
[[nodiscard]] Result<void> detach_and_unpin(const std::string& path);
// Whether the pinned link runs exactly our program on exactly that cgroup; error self_test_failed says what
// differs.
[[nodiscard]] Result<void> verify_link(const bpf_object* object, const Hook& hook, std::uint64_t cgroup_id,
                                       const std::string& path);

[[nodiscard]] int program_fd(const bpf_object* object, const Hook& hook);
[[nodiscard]] Result<std::uint32_t> map_id(int map_fd);
// Whether a loaded program uses a map.
[[nodiscard]] Result<bool> program_uses_map(int program_fd, std::uint32_t map_id);

}  // namespace callgate::kernel
