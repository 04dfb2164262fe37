// What `callgate doctor` sees on this host without the agent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "callgate/v1/control.pb.h"
#include "config/config.hpp"
#include "kernel/pins.hpp"

namespace callgate::cli {

using Findings = std::vector<v1::Finding>;

[[nodiscard]] v1::Finding make_finding(std::string name, v1::FindingState state, std::string detail,
                                       std::string cure = {});

// `release` is what uname -r prints.
[[nodiscard]] v1::Finding check_kernel_release(const std::string& release);
// Whether the file systems that callgate needs are mounted; `mountinfo` is the text of /proc/self/mountinfo.
[[nodiscard]] v1::Finding check_cgroup2(std::string_view mountinfo);
[[nodiscard]] v1::Finding check_bpffs(std::string_view mountinfo, const std::string& pin_dir);
// What is pinned in the kernel where no agent runs.
[[nodiscard]] v1::Finding check_pins(const kernel::Pins& pins);
[[nodiscard]] v1::Finding check_run_dir(std::string_view mountinfo, const std::string& run_dir);
// The type of the file system that `path` (which need not exist) is on; empty if the text does not tell.
[[nodiscard]] std::string file_system_of(std::string_view mountinfo, const std::string& path);

// Whether the configuration and the policies that it names are valid.
[[nodiscard]] Findings check_configuration(const std::string& path);

// Everything that this process can find out about the host. Root also probes what the kernel offers.
[[nodiscard]] Findings check_host(const std::string& config_path);

}  // namespace callgate::cli
