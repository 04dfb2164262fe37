#include "kernel/programs.hpp"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi.h"
#include "base/file.hpp"
#include "kernel/abi_version.hpp"
#include "kernel/agent_cgroups.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/counters.hpp"
#include "kernel/features.hpp"
#include "kernel/link.hpp"
#include "kernel/program_set.hpp"

namespace callgate::kernel {
namespace {

constexpr std::array gate_hooks{
    Hook{"read_flow_option", BPF_CGROUP_GETSOCKOPT},
    Hook{"accept_flow", BPF_CGROUP_SOCK_OPS},
};

constexpr std::size_t kept_message_bytes = 2000;
thread_local std::string libbpf_messages;

int keep_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  va_list copy;
  va_copy(copy, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (length <= 0) return length;
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  libbpf_messages += text;
  // The end says why; a verifier's log may be very long.
  if (libbpf_messages.size() > kept_message_bytes)
    libbpf_messages.erase(0, libbpf_messages.size() - kept_message_bytes);
  return length;
}

std::string take_messages() {
  return std::exchange(libbpf_messages, {});
}

Result<void> check_bpffs(const std::string& pin_dir) {
  std::string existing = pin_dir;
  struct statfs filesystem {};
  while (::statfs(existing.c_str(), &filesystem) != 0) {
    const auto slash = existing.rfind('/');
    if (errno != ENOENT || slash == std::string::npos || slash == 0)
      return make_error("not_bpffs",
                        "the pin directory " + pin_dir + " cannot be reached: " + std::strerror(errno));
    existing.resize(slash);
  }
  if (filesystem.f_type != BPF_FS_MAGIC)
    return make_error("not_bpffs",
                      "the pin directory " + pin_dir +
                          " is not in a bpf filesystem; mount one (mount -t bpf bpf /sys/fs/bpf), or "
                          "configure a directory inside one");
  return {};
}

// A pinned map is taken over only if it is exactly what we would make.
Result<void> check_pinned_layout(const bpf_map* map, const std::string& path) {
  const Fd fd(::bpf_obj_get(path.c_str()));
  if (!fd) {
    if (errno == ENOENT) return {};
    return system_error("open the pinned map " + path, errno);
  }
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0)
    return system_error("information about " + path, errno);
  if (info.type == ::bpf_map__type(map) && info.key_size == ::bpf_map__key_size(map) &&
      info.value_size == ::bpf_map__value_size(map) && info.max_entries == ::bpf_map__max_entries(map) &&
      info.map_flags == ::bpf_map__map_flags(map))
    return {};
  return make_error("pinned_layout",
                    "the pinned map " + path +
                        " has another layout than this version of callgate needs, although its ABI "
                        "version is the same; unenrol the workloads with the version that made it, "
                        "then remove the directory that holds it");
}

Result<void> make_pin_directory(const std::string& path) {
  return make_directories(path, 0700);
}

std::string maps_directory(const ProgramSet& set) {
  return set.pin_root + "/maps";
}

std::string agent_directory(const std::string& pin_root, std::uint64_t cgroup) {
  return pin_root + "/agents/" + std::to_string(cgroup);
}

Result<void> detach_agent(const std::string& directory) {
  for (const Hook& hook : gate_hooks)
    CALLGATE_TRY(detach_and_unpin(directory + "/" + hook.program));
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) return system_error("remove " + directory, errno);
  return {};
}

// A link dies with its cgroup, and a cgroup lives as long as it has sockets, also when its directory is gone.
Result<bool> is_dead(const std::string& agent) {
  for (const Hook& hook : gate_hooks) {
    auto link = open_pin(agent + "/" + hook.program);
    if (!link) {
      if (link.error().code == "no_pin") continue;
      return link.error();
    }
    auto state = link_state(link->get());
    if (!state) return state.error();
    if (state->cgroup_id != 0) return false;
  }
  return true;
}

// Pins of agents that ended, and whose last gate and upstream socket did.
Result<void> remove_dead_agents(const ProgramSet& set) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(set.pin_root + "/agents", error)) {
    auto dead = is_dead(entry.path());
    if (!dead) return dead.error();
    if (*dead) CALLGATE_TRY(detach_agent(entry.path()));
  }
  if (error) return system_error("list " + set.pin_root + "/agents", error.value());
  return {};
}

}  // namespace

OpenedPrograms::OpenedPrograms(std::unique_ptr<ProgramSet> set) : set_(std::move(set)) {}
OpenedPrograms::OpenedPrograms(OpenedPrograms&&) noexcept = default;
OpenedPrograms& OpenedPrograms::operator=(OpenedPrograms&&) noexcept = default;
OpenedPrograms::~OpenedPrograms() = default;

LoadedPrograms::LoadedPrograms(std::unique_ptr<ProgramSet> set) : set_(std::move(set)) {}
LoadedPrograms::LoadedPrograms(LoadedPrograms&&) noexcept = default;
LoadedPrograms& LoadedPrograms::operator=(LoadedPrograms&&) noexcept = default;
LoadedPrograms::~LoadedPrograms() = default;

Programs::Programs(std::unique_ptr<ProgramSet> set) : set_(std::move(set)) {}
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<OpenedPrograms> open_programs(ProgramsConfig config) {
  CALLGATE_TRY(check_required_features());
  CALLGATE_TRY(check_bpffs(config.pin_dir));
  if (config.cgroup_mount.empty()) {
    auto mount = find_cgroup2_mount();
    if (!mount) return mount.error();
    config.cgroup_mount = *mount;
  }
  auto set = std::make_unique<ProgramSet>();
  set->pin_root = pin_root_of(config.pin_dir, abi_version());
  set->config = std::move(config);

  ::libbpf_set_print(keep_message);
  const std::string maps = maps_directory(*set);
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.pin_root_path = maps.c_str();
  set->skeleton.reset(callgate_programs::open(&options));
  if (!set->skeleton)
    return make_error("open_failed",
                      "the kernel programs cannot be opened: " + take_messages() + std::strerror(errno));
  set->skeleton->rodata->has_set_retval_in_sock_addr = can_set_retval_in_sock_addr();
  set->skeleton->rodata->has_set_retval_in_sock = can_set_retval_in_sock();
  set->skeleton->rodata->abi_version = abi_version();
  static_cast<void>(take_messages());
  return OpenedPrograms(std::move(set));
}

Result<LoadedPrograms> OpenedPrograms::load() && {
  CALLGATE_TRY(make_pin_directory(maps_directory(*set_)));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, set_->skeleton->obj) {
    const char* path = ::bpf_map__pin_path(map);
    if (path != nullptr) CALLGATE_TRY(check_pinned_layout(map, path));
  }
  if (const int error = callgate_programs::load(set_->skeleton.get()); error != 0)
    return make_error("load_failed",
                      "the kernel refused the programs (" + std::string(std::strerror(-error)) +
                          "); callgate doctor shows what this kernel lacks. " + take_messages());
  static_cast<void>(take_messages());
  return LoadedPrograms(std::move(set_));
}

Result<Programs> LoadedPrograms::attach(int gates_cgroup_fd) && {
  auto id = cgroup_id(gates_cgroup_fd);
  if (!id) return id.error();
  set_->gates_cgroup_id = *id;
  const std::string directory = agent_directory(set_->pin_root, *id);
  CALLGATE_TRY(make_pin_directory(directory));
  CALLGATE_TRY(make_pin_directory(set_->pin_root + "/workloads"));
  auto flows = map_id(::bpf_map__fd(set_->skeleton->maps.accepted_flows));
  if (!flows) return flows.error();
  for (const Hook& hook : gate_hooks) {
    const std::string path = directory + "/" + hook.program;
    CALLGATE_TRY(update_or_attach(set_->skeleton->obj, hook, gates_cgroup_fd, path, *flows));
    CALLGATE_TRY(verify_link(set_->skeleton->obj, hook, *id, path));
  }
  CALLGATE_TRY(remove_dead_agents(*set_));
  Programs programs(std::move(set_));
  AgentCgroups cgroups(programs);
  CALLGATE_TRY(cgroups.remove_dead());
  CALLGATE_TRY(cgroups.add(*id));
  return programs;
}

Result<void> Programs::mark_gate(int listener_fd, const GateMark& mark) const {
  if (mark.generation == 0) return make_error("bad_mark", "a gate's mark needs a generation that is not 0");
  const callgate_gate_mark value{mark.generation, mark.workload};
  if (::bpf_map_update_elem(::bpf_map__fd(set_->skeleton->maps.gate_marks), &listener_fd, &value, BPF_ANY) !=
      0)
    return system_error("mark a gate", errno);
  return {};
}

Result<void> Programs::unmark_gate(int listener_fd) const {
  if (::bpf_map_delete_elem(::bpf_map__fd(set_->skeleton->maps.gate_marks), &listener_fd) != 0 &&
      errno != ENOENT)
    return system_error("remove a gate's mark", errno);
  return {};
}

Result<Counters> Programs::gate_counters() const {
  Counters counters;
  for (std::uint32_t i = 0; i < gate_counter_names.size(); ++i) {
    auto sum = sum_over_cpus(::bpf_map__fd(set_->skeleton->maps.gate_counters), &i, 1);
    if (!sum) return sum.error();
    counters.emplace(gate_counter_names[i], sum->front());
  }
  return counters;
}

int Programs::heartbeat_map() const {
  return ::bpf_map__fd(set_->skeleton->maps.heartbeats);
}
const std::string& Programs::pin_root() const {
  return set_->pin_root;
}
const std::string& Programs::cgroup_mount() const {
  return set_->config.cgroup_mount;
}
std::uint64_t Programs::gates_cgroup_id() const {
  return set_->gates_cgroup_id;
}

}  // namespace callgate::kernel
