// What the running kernel and its set-up offer: probed, never assumed from a version number (but for the
// floor).
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::kernel {

struct Feature {
  std::string name;
  bool present = false;
  bool required = false;  // callgated does not start without it
  std::string why;        // what callgate does with it
  std::string cure;       // what a person can do when it is missing
};

// Everything that the kernel part uses, for `callgate doctor`. Needs root. `pin_dir` as in ProgramsConfig.
[[nodiscard]] std::vector<Feature> probe_features(const std::string& pin_dir);

// Errors: kernel_too_old, btf_missing, btf_incomplete.
[[nodiscard]] Result<void> check_required_features();

// Whether programs of these kinds may choose the error of what they refuse (Linux 5.18 and 6.1).
[[nodiscard]] bool can_set_retval_in_sock_addr();
[[nodiscard]] bool can_set_retval_in_sock();

// Whether a kernel release such as "6.1.0-18-cloud-amd64" is at least 5.15; false for what is no release.
[[nodiscard]] bool is_supported_release(const std::string& release);

}  // namespace callgate::kernel
