// Where an accepted connection comes from and wanted to go.
#pragma once

#include "base/result.hpp"
#include "kernel/flow.hpp"

namespace callgate::proxy {

// Tells the flow behind an accepted socket; error no_flow for one that was not redirected.
class FlowSource {
 public:
  virtual ~FlowSource() = default;
  [[nodiscard]] virtual Result<kernel::Flow> read(int fd) = 0;
};

// The kernel's answer.
class KernelFlowSource final : public FlowSource {
 public:
  [[nodiscard]] Result<kernel::Flow> read(int fd) override { return kernel::read_flow(fd); }
};

}  // namespace callgate::proxy
