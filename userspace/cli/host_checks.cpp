#include "cli/host_checks.hpp"

#include <array>
#include <sstream>

#include <cap-ng.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/features.hpp"
#include "policy/loader.hpp"

namespace callgate::cli {
namespace {

constexpr auto ok = v1::FINDING_STATE_OK;
constexpr auto warning = v1::FINDING_STATE_WARNING;
constexpr auto failed = v1::FINDING_STATE_FAILED;

struct Mount {
  std::string point;
  std::string type;
};

// proc(5): "36 35 98:0 /root /point options optional... - type source options".
std::vector<Mount> parse_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const auto separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream before(line.substr(0, separator));
    std::istringstream after(line.substr(separator + 3));
    std::string skipped;
    Mount mount;
    before >> skipped >> skipped >> skipped >> skipped >> mount.point;
    after >> mount.type;
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

bool is_under(const std::string& path, const std::string& directory) {
  return directory == "/" || path == directory ||
         (path.compare(0, directory.size(), directory) == 0 && path.size() > directory.size() &&
          path[directory.size()] == '/');
}

v1::Finding check_type_information() {
  constexpr const char* path = "/sys/kernel/btf/vmlinux";
  if (::access(path, R_OK) == 0) return make_finding("btf", ok, "the kernel describes its types");
  return make_finding("btf", failed, fmt::format("{} cannot be read", path),
                      "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of distributions are");
}

v1::Finding check_capabilities() {
  constexpr std::array<std::pair<unsigned, const char*>, 5> needed{{{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
                                                                    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                                                    {CAP_BPF, "CAP_BPF"},
                                                                    {CAP_PERFMON, "CAP_PERFMON"},
                                                                    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}}};
  std::string missing;
  ::capng_get_caps_process();
  for (const auto& [capability, name] : needed) {
    if (::capng_have_capability(CAPNG_EFFECTIVE, capability) == 0)
      missing += std::string(missing.empty() ? "" : ", ") + name;
  }
  if (missing.empty()) return make_finding("capabilities", ok, "root has what callgated needs");
  return make_finding("capabilities", failed, "root lacks " + missing,
                      "run callgated outside of the container, or give the container these capabilities");
}

}  // namespace

v1::Finding make_finding(std::string name, v1::FindingState state, std::string detail, std::string cure) {
  v1::Finding finding;
  finding.set_name(std::move(name));
  finding.set_state(state);
  finding.set_detail(std::move(detail));
  finding.set_cure(std::move(cure));
  return finding;
}

v1::Finding check_kernel_release(const std::string& release) {
  if (kernel::is_supported_release(release)) return make_finding("kernel", ok, "Linux " + release);
  return make_finding("kernel", failed, "Linux " + release + " is too old",
                      "boot a kernel of version 5.15 or later");
}

v1::Finding check_cgroup2(std::string_view mountinfo) {
  for (const auto& mount : parse_mounts(mountinfo)) {
    if (mount.type == "cgroup2") return make_finding("cgroup2", ok, "mounted on " + mount.point);
  }
  return make_finding("cgroup2", failed, "no cgroup2 file system is mounted",
                      "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
}

std::string file_system_of(std::string_view mountinfo, const std::string& path) {
  const Mount* best = nullptr;
  const auto mounts = parse_mounts(mountinfo);
  for (const auto& mount : mounts) {
    // Of several mounts on one point, the last one is on top.
    if (is_under(path, mount.point) && (best == nullptr || mount.point.size() >= best->point.size()))
      best = &mount;
  }
  return best == nullptr ? std::string() : best->type;
}

v1::Finding check_bpffs(std::string_view mountinfo, const std::string& pin_dir) {
  if (file_system_of(mountinfo, pin_dir) == "bpf")
    return make_finding("bpffs", ok, pin_dir + " is on a bpf file system");
  return make_finding("bpffs", failed,
                      pin_dir + " is not on a bpf file system, so programs cannot stay without the agent",
                      "mount -t bpf bpf /sys/fs/bpf, or change `pin_dir`");
}

v1::Finding check_run_dir(std::string_view mountinfo, const std::string& run_dir) {
  if (file_system_of(mountinfo, run_dir) == "tmpfs")
    return make_finding("run_dir", ok, run_dir + " is on tmpfs");
  return make_finding("run_dir", failed, run_dir + " is not on tmpfs, which rings need",
                      fmt::format("mount -t tmpfs tmpfs {}, or change `run_dir`", run_dir));
}

Findings check_configuration(const std::string& path) {
  Findings findings;
  if (::access(path.c_str(), R_OK) != 0) {
    findings.push_back(make_finding("config", warning, path + " cannot be read",
                                    "name the agent's configuration with --config, or ask as root"));
    return findings;
  }
  const auto loaded = config::load_config(path);
  if (!loaded.findings.empty()) {
    findings.push_back(
        make_finding("config", failed, config::format_finding(loaded.findings.front()),
                     fmt::format("correct it: `callgate config check {}` shows everything", path)));
    return findings;
  }
  findings.push_back(make_finding("config", ok, path + " is valid"));
  const auto& directory = loaded.config.policies_dir;
  if (::access(directory.c_str(), R_OK | X_OK) != 0) {
    findings.push_back(
        make_finding("policies", warning, directory + " cannot be read", "create it, or ask as root"));
    return findings;
  }
  const auto policies = policy::load_directory(directory);
  if (!policies.ok()) {
    findings.push_back(
        make_finding("policies", failed, policies.report(),
                     "correct the files: `callgate policy check FILE…` shows what is wrong with them"));
  } else if (policies.policies.empty()) {
    findings.push_back(make_finding("policies", warning,
                                    directory + " holds no policy, so only the default mode applies",
                                    "write a policy, beginning with an example of callgate"));
  } else {
    findings.push_back(
        make_finding("policies", ok, fmt::format("{} in {}", policies.policies.size(), directory)));
  }
  return findings;
}

v1::Finding check_pins(const kernel::Pins& pins) {
  if (pins.versions.empty()) return make_finding("pins", ok, "no agent has left anything in the kernel");
  if (pins.workloads.empty() && pins.guarded_devices.empty())
    return make_finding("pins", ok, "no workload is attached");
  std::vector<std::string> cgroups;
  for (const auto& workload : pins.workloads) {
    if (cgroups.size() < 8) cgroups.push_back(workload.cgroup_path.value_or("a cgroup that was removed"));
  }
  return make_finding(
      "pins", failed,
      fmt::format("{} workloads stay attached without an agent, so their connections are refused: {}{}",
                  pins.workloads.size(), fmt::join(cgroups, ", "),
                  cgroups.size() < pins.workloads.size() ? ", ..." : ""),
      "start callgated, which takes them over; or free them with `callgate uninstall`");
}

Findings check_host(const std::string& config_path) {
  Findings findings;
  const auto loaded = config::load_config(config_path);
  const auto mountinfo = read_file("/proc/self/mountinfo");
  const std::string_view mounts = mountinfo ? std::string_view(*mountinfo) : std::string_view();
  if (::geteuid() == 0) {
    for (const auto& feature : kernel::probe_features(loaded.config.pin_dir)) {
      const auto state = feature.present ? ok : feature.required ? failed : warning;
      findings.push_back(
          make_finding(feature.name, state, feature.why, feature.present ? std::string() : feature.cure));
    }
    findings.push_back(check_capabilities());
    const auto mount = kernel::find_cgroup2_mount();
    const auto pins =
        mount ? kernel::find_pins(loaded.config.pin_dir, *mount) : Result<kernel::Pins>(mount.error());
    findings.push_back(pins ? check_pins(*pins)
                            : make_finding("pins", warning, pins.error().message, "see the findings above"));
  } else {
    utsname name{};
    ::uname(&name);
    findings.push_back(check_kernel_release(name.release));
    findings.push_back(check_type_information());
    findings.push_back(check_cgroup2(mounts));
    findings.push_back(check_bpffs(mounts, loaded.config.pin_dir));
  }
  findings.push_back(check_run_dir(mounts, loaded.config.run_dir));
  for (auto& finding : check_configuration(config_path))
    findings.push_back(std::move(finding));
  return findings;
}

}  // namespace callgate::cli
