#include "kernel/abi_version.hpp"

#include "abi.h"

namespace callgate::kernel {

std::uint32_t abi_version() {
  return CALLGATE_ABI_VERSION;
}

}  // namespace callgate::kernel
