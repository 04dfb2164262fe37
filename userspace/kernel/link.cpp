#include "kernel/link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace callgate::kernel {
namespace {

Result<bpf_prog_info> program_info(int fd, std::array<std::uint32_t, 64>* map_ids) {
  bpf_prog_info info{};
  if (map_ids != nullptr) {
    info.nr_map_ids = static_cast<std::uint32_t>(map_ids->size());
    info.map_ids = reinterpret_cast<std::uintptr_t>(map_ids->data());
  }
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(fd, &info, &size) != 0)
    return system_error("information about a program", errno);
  return info;
}

Error attach_error(const Hook& hook, int error) {
  if (error == EPERM)
    return make_error(
        "attach_failed",
        std::string("attaching ") + hook.program +
            ": not permitted; another program sits on this cgroup or above it without allowing others "
            "(bpftool cgroup tree shows it), or this process lacks CAP_BPF and CAP_NET_ADMIN");
  return make_error("attach_failed", std::string("attaching ") + hook.program + ": " + std::strerror(error));
}

// Whether the link can be given our program in place.
Result<bool> can_update(const Hook& hook, int link_fd, std::uint32_t config_map_id) {
  auto state = link_state(link_fd);
  if (!state) return state.error();
  if (state->cgroup_id == 0 || state->type != hook.type) return false;
  const Fd present(::bpf_prog_get_fd_by_id(state->program_id));
  if (!present) return false;
  return program_uses_map(present.get(), config_map_id);
}

}  // namespace

int program_fd(const bpf_object* object, const Hook& hook) {
  return ::bpf_program__fd(::bpf_object__find_program_by_name(object, hook.program));
}

Result<std::uint32_t> map_id(int map_fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0)
    return system_error("information about a map", errno);
  return info.id;
}

Result<bool> program_uses_map(int fd, std::uint32_t id) {
  std::array<std::uint32_t, 64> ids{};
  auto info = program_info(fd, &ids);
  if (!info) return info.error();
  const auto end =
      ids.begin() + std::min<std::uint32_t>(info->nr_map_ids, static_cast<std::uint32_t>(ids.size()));
  return std::find(ids.begin(), end, id) != end;
}

Result<LinkState> link_state(int link_fd) {
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(link_fd, &info, &size) != 0)
    return system_error("information about a link", errno);
  if (info.type != BPF_LINK_TYPE_CGROUP) return make_error("not_a_link", "the pin is not a link to a cgroup");
  return LinkState{info.cgroup.cgroup_id, info.prog_id,
                   static_cast<bpf_attach_type>(info.cgroup.attach_type)};
}

Result<Fd> open_pin(const std::string& path) {
  Fd fd(::bpf_obj_get(path.c_str()));
  if (fd) return fd;
  if (errno == ENOENT) return make_error("no_pin", path + " does not exist");
  return system_error("open the pin " + path, errno);
}

Result<void> attach_and_pin(const bpf_object* object, const Hook& hook, int cgroup_fd,
                            const std::string& path) {
  auto older = open_pin(path);
  if (!older && older.error().code != "no_pin") return older.error();
  const Fd link(::bpf_link_create(program_fd(object, hook), cgroup_fd, hook.type, nullptr));
  if (!link) return attach_error(hook, errno);
  if (older && ::unlink(path.c_str()) != 0) return system_error("remove the pin " + path, errno);
  if (::bpf_obj_pin(link.get(), path.c_str()) != 0) return system_error("pin " + path, errno);
  // ENOLINK: its cgroup is gone, and it with it.
  if (older && ::bpf_link_detach(older->get()) != 0 && errno != ENOLINK)
    return system_error("detach the older link of " + path, errno);
  return {};
}

Result<void> update_or_attach(const bpf_object* object, const Hook& hook, int cgroup_fd,
                              const std::string& path, std::uint32_t config_map_id) {
  auto link = open_pin(path);
  if (!link) {
    if (link.error().code != "no_pin") return link.error();
    return attach_and_pin(object, hook, cgroup_fd, path);
  }
  auto updatable = can_update(hook, link->get(), config_map_id);
  if (!updatable) return updatable.error();
  if (!*updatable) return attach_and_pin(object, hook, cgroup_fd, path);
  if (::bpf_link_update(link->get(), program_fd(object, hook), nullptr) == 0) return {};
  // ENOLINK: the cgroup's death took the link. EINVAL: some kernels see themselves that the storage maps
  // differ.
  if (errno == ENOLINK || errno == EINVAL) return attach_and_pin(object, hook, cgroup_fd, path);
  return system_error(std::string("update the link of ") + hook.program, errno);
}

Result<void> detach_and_unpin(const std::string& path) {
  auto link = open_pin(path);
  if (!link) {
    if (link.error().code == "no_pin") return {};
    return link.error();
  }
  if (::bpf_link_detach(link->get()) != 0 && errno != ENOLINK) return system_error("detach " + path, errno);
  if (::unlink(path.c_str()) != 0) return system_error("remove the pin " + path, errno);
  return {};
}

Result<void> verify_link(const bpf_object* object, const Hook& hook, std::uint64_t cgroup_id,
                         const std::string& path) {
  const auto failed = [&hook](const std::string& what) {
    return make_error("self_test_failed",
                      std::string(hook.program) + ": " + what +
                          "; unenrol and enrol the workload again (until then it may not be redirected)");
  };
  auto link = open_pin(path);
  if (!link) return failed("its pin cannot be opened (" + link.error().message + ")");
  auto state = link_state(link->get());
  if (!state) return failed(state.error().message);
  auto ours = program_info(program_fd(object, hook), nullptr);
  if (!ours) return ours.error();
  if (state->cgroup_id == 0) return failed("its cgroup is gone");
  if (state->cgroup_id != cgroup_id) return failed("it is attached to another cgroup");
  if (state->type != hook.type) return failed("it is attached to another kind of event");
  if (state->program_id != ours->id) return failed("the link runs another program");
  return {};
}

}  // namespace callgate::kernel
