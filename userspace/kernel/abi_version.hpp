// Which layout of kernel programs and maps this program was built for.
#pragma once

#include <cstdint>
#include <string>

namespace callgate::kernel {

// CALLGATE_ABI_VERSION of bpf/abi.h. The only reader of the macro, so that a test can link a program of
// another version.
[[nodiscard]] std::uint32_t abi_version();

// Where everything of one version is pinned: <pin_dir>/v<version>.
[[nodiscard]] inline std::string pin_root_of(const std::string& pin_dir, std::uint32_t version) {
  return pin_dir + "/v" + std::to_string(version);
}

}  // namespace callgate::kernel
