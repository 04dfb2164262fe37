// The flows of one thread: accepts them within limits, steps them when something they wait for has come, ends
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proxy/flow_source.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class FlowTable {
 public:
  FlowTable(ThreadContext& context, FlowSource& source) : context_(context), source_(source) {}

  // Takes an accepted socket.
  void add(Fd socket);
  // Steps every flow that waits for `reason`.
  void wake(Wait reason);
  // Gives those their turn that had more to do than one step may.
  void run();
  // Lets go of finished flows; between steps only.
  void reap();
  // Flows whose deadline has passed.
  void sweep();
  void drain();
  void policy_changed();
  void abandon(std::string_view code, std::string_view detail);

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

 private:
  Session& insert(const kernel::Flow& flow, std::shared_ptr<Workload> workload);

  ThreadContext& context_;
  FlowSource& source_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::unordered_map<std::uint64_t, std::uint32_t> per_workload_;
  std::size_t woken_first_ = 0;  // where the next wake() begins
};

}  // namespace callgate::proxy
