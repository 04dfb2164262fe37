// The control API, as callgated serves it.
#pragma once

#include <memory>
#include <optional>

#include "node/control_backend.hpp"
#include "node/main_calls.hpp"

namespace callgate::node {

class ControlApi {
 public:
  explicit ControlApi(Loop& loop) : loop_(loop) {}

  [[nodiscard]] Result<void> start(const AgentParts& parts);
  void stop();

 private:
  Loop& loop_;
  std::optional<MainCalls> calls_;
  std::optional<ControlBackend> backend_;
  std::unique_ptr<control::Server> server_;
};

}  // namespace callgate::node
