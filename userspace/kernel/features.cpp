#include "kernel/features.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/fd.hpp"
#include "kernel/cgroup.hpp"

namespace callgate::kernel {
namespace {

constexpr int minimum_major = 5;
constexpr int minimum_minor = 15;

// What bpf/kernel_types.h reads.
struct KernelField {
  const char* type;
  const char* field;
};
constexpr std::array kernel_fields{
    KernelField{"task_struct", "mm"},
    KernelField{"task_struct", "group_leader"},
    KernelField{"task_struct", "start_boottime"},
    KernelField{"mm_struct", "exe_file"},
    KernelField{"file", "f_inode"},
    KernelField{"inode", "i_ino"},
    KernelField{"inode", "i_sb"},
    KernelField{"super_block", "s_dev"},
    KernelField{"bpf_sock_addr_kern", "uaddr"},
};

struct BtfDeleter {
  void operator()(btf* types) const { ::btf__free(types); }
};

std::string running_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

// Whether a structure has a field, also inside its anonymous members.
bool has_field(const btf* types, std::uint32_t id, const char* field) {
  const btf_type* type = ::btf__type_by_id(types, id);
  if (type == nullptr || !(btf_is_struct(type) || btf_is_union(type))) return false;
  const btf_member* member = btf_members(type);
  for (std::uint16_t i = 0; i < btf_vlen(type); ++i) {
    const char* name = ::btf__name_by_offset(types, member[i].name_off);
    if (name != nullptr && std::strcmp(name, field) == 0) return true;
    if ((name == nullptr || *name == '\0') && has_field(types, member[i].type, field)) return true;
  }
  return false;
}

Result<void> check_btf() {
  const std::unique_ptr<btf, BtfDeleter> types(::btf__load_vmlinux_btf());
  if (!types)
    return make_error("btf_missing",
                      "this kernel has no type information at /sys/kernel/btf/vmlinux; use a kernel built "
                      "with CONFIG_DEBUG_INFO_BTF=y (those of current distributions are)");
  for (const auto& [type, field] : kernel_fields) {
    const std::int32_t id = ::btf__find_by_name_kind(types.get(), type, BTF_KIND_STRUCT);
    if (id < 0 || !has_field(types.get(), static_cast<std::uint32_t>(id), field))
      return make_error("btf_incomplete",
                        std::string("this kernel has no ") + type + "." + field +
                            ", which callgate reads; a newer version of callgate may know this kernel");
  }
  return {};
}

bool has_helper(bpf_prog_type type, bpf_func_id helper) {
  return ::libbpf_probe_bpf_helper(type, helper, nullptr) == 1;
}
bool has_program_type(bpf_prog_type type) {
  return ::libbpf_probe_bpf_prog_type(type, nullptr) == 1;
}
bool has_map_type(bpf_map_type type) {
  return ::libbpf_probe_bpf_map_type(type, nullptr) == 1;
}

// A device guard needs clsact and cls_bpf: tried on the lo of a network namespace that lives as long as a
// thread.
bool can_guard_devices() {
  bool able = false;
  std::thread probe([&able] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1},
                             {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    const Fd program(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "probe", "GPL", pass, 2, nullptr));
    if (!program) return;
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = 1;
    hook.attach_point = BPF_TC_INGRESS;
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.prog_fd = program.get();
    able = ::bpf_tc_hook_create(&hook) == 0 && ::bpf_tc_attach(&hook, &options) == 0;
  });
  probe.join();
  return able;
}

bool is_bpffs(const std::string& path) {
  std::string existing = path;
  struct statfs filesystem {};
  while (!existing.empty() && ::statfs(existing.c_str(), &filesystem) != 0)
    existing.resize(existing.rfind('/'));
  return !existing.empty() && filesystem.f_type == BPF_FS_MAGIC;
}

}  // namespace

bool is_supported_release(const std::string& release) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) != 2) return false;
  return major > minimum_major || (major == minimum_major && minor >= minimum_minor);
}

Result<void> check_required_features() {
  if (!is_supported_release(running_release()))
    return make_error("kernel_too_old", "callgate needs Linux 5.15 or newer, this is " + running_release() +
                                            "; on Debian 12 the kernel 6.1 is the default");
  return check_btf();
}

bool can_set_retval_in_sock_addr() {
  return has_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval);
}
bool can_set_retval_in_sock() {
  return has_helper(BPF_PROG_TYPE_CGROUP_SOCK, BPF_FUNC_set_retval);
}

std::vector<Feature> probe_features(const std::string& pin_dir) {
  // libbpf's own opinion of each failed probe is not for people.
  const auto print = ::libbpf_set_print(nullptr);
  const std::string newer_kernel = "use a newer kernel, or one built as distributions build theirs";
  std::vector<Feature> features;
  features.push_back({"kernel " + running_release(), is_supported_release(running_release()), true,
                      "kernel programs need Linux 5.15", "boot Linux 5.15 or newer"});
  const auto btf = check_btf();
  features.push_back({"type information (BTF)", btf.has_value(), true,
                      "attributing a connection to its process needs the layout of kernel structures",
                      btf ? "" : btf.error().message});
  features.push_back({"cgroup2", find_cgroup2_mount().has_value(), true, "workloads are cgroups",
                      "mount -t cgroup2 none /sys/fs/cgroup"});
  features.push_back({"bpf filesystem at " + pin_dir, is_bpffs(pin_dir), true,
                      "workloads stay redirected while the agent restarts", "mount -t bpf bpf /sys/fs/bpf"});
  const auto add = [&](const char* name, bool present, bool required, const char* why) {
    features.push_back({name, present, required, why, newer_kernel});
  };
  add("connect hooks", has_program_type(BPF_PROG_TYPE_CGROUP_SOCK_ADDR), true,
      "connections are redirected to the gate");
  add("sock_ops hooks", has_program_type(BPF_PROG_TYPE_SOCK_OPS), true,
      "the gate learns the flow of a connection");
  add("socket creation hooks", has_program_type(BPF_PROG_TYPE_CGROUP_SOCK), true,
      "MPTCP, SCTP and raw sockets are refused");
  add("socket option hooks", has_program_type(BPF_PROG_TYPE_CGROUP_SOCKOPT), true,
      "the proxy reads flows without privileges");
  add("cgroup packet hooks", has_program_type(BPF_PROG_TYPE_CGROUP_SKB), true,
      "the guard inside the workload");
  add("cgroup storage", has_map_type(BPF_MAP_TYPE_CGROUP_STORAGE), true, "configuration of each workload");
  add("socket storage", has_map_type(BPF_MAP_TYPE_SK_STORAGE), true,
      "destinations and flows live with their sockets");
  add("socket lookup in connect hooks", has_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_sk_lookup_tcp),
      true, "gates are recognized by the agent's mark");
  add("current task in connect hooks", has_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_get_current_task),
      true, "a connection is attributed to its process");
  add("network namespace cookies", has_helper(BPF_PROG_TYPE_SOCK_OPS, BPF_FUNC_get_netns_cookie), true,
      "flows are told apart by their network namespace");
  add("device guard (clsact, cls_bpf)", can_guard_devices(), false,
      "sockets that no cgroup hook sees are stopped at the host's end of the workload's device");
  features.push_back({"error of refused connects", can_set_retval_in_sock_addr(), false,
                      "refused connections fail with ECONNREFUSED; without it with EPERM",
                      "use Linux 5.18 or newer if programs of the workload misread EPERM"});
  features.push_back({"error of refused sockets", can_set_retval_in_sock(), false,
                      "refused MPTCP and SCTP sockets fail with EPROTONOSUPPORT; without it with EPERM",
                      "use Linux 6.1 or newer if programs of the workload misread EPERM"});
  ::libbpf_set_print(print);
  return features;
}

}  // namespace callgate::kernel
