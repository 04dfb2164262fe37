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

  // Takes an accepted socket. One of a workload that nobody told of yet waits for settle().
  void add(Fd socket);
  // What is known now about the workloads of those that wait is all that was sent before their connections:
  // whose workload is still unknown is refused.
  [[nodiscard]] bool unsettled() const { return !unsettled_.empty(); }
  void settle();
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
  // Connections of a workload: refused ones may still wait for their record.
  struct Share {
    std::uint32_t served = 0;
    std::uint32_t refused = 0;
  };
  struct Unsettled {
    Fd socket;
    kernel::Flow flow;
  };

  void add(Fd socket, const kernel::Flow& flow, std::shared_ptr<Workload> workload);
  void refuse(Fd socket, const kernel::Flow& flow, std::shared_ptr<Workload> workload, std::string_view code,
              const std::string& detail);
  Session& insert(const kernel::Flow& flow, std::shared_ptr<Workload> workload);

  ThreadContext& context_;
  FlowSource& source_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::unordered_map<std::uint64_t, Share> per_workload_;
  std::size_t refused_ = 0;  // of sessions_
  std::vector<Unsettled> unsettled_;
  std::size_t woken_first_ = 0;  // where the next wake() begins
};

}  // namespace callgate::proxy
