// Linked before the library that has the real one: makes callgated and callgate-proxy of the ABI version that
// comes next, with the layout of this one.
#include "kernel/abi_version.hpp"

#include "abi.h"

namespace callgate::kernel {

std::uint32_t abi_version() {
  return CALLGATE_ABI_VERSION + 1;
}

}  // namespace callgate::kernel
