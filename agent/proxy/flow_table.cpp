#include "proxy/flow_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "base/log.hpp"

namespace callgate::proxy {
namespace {

// Refused flows that may wait for space in the ring, beyond the connections that are served: of all
// workloads, and of one, so that none takes the others' place. Those above are only counted.
constexpr std::size_t most_refused = 1024;
constexpr std::size_t most_refused_of_one = 128;

void reset(Fd& socket) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  socket.reset();
}

}  // namespace

void FlowTable::add(Fd socket) {
  auto flow = source_.read(socket.get());
  if (!flow) {
    // Somebody dialled the gate directly. It has no place in the record, which is of flows; the counter
    // tells.
    ++context_.counters.flows_without_origin;
    reset(socket);
    log_debug("flow_without_origin", {{"code", flow.error().code}});
    return;
  }
  ++context_.counters.flows;
  auto workload = context_.workloads.find(flow->workload);
  if (workload == nullptr) {
    // It was enrolled a moment ago, and the message that tells of it is behind what this thread has read.
    unsettled_.push_back({std::move(socket), *flow});
  } else {
    add(std::move(socket), *flow, std::move(workload));
  }
}

void FlowTable::settle() {
  std::vector<Unsettled> waiting;
  waiting.swap(unsettled_);
  for (Unsettled& one : waiting) {
    auto workload = context_.workloads.find(one.flow.workload);
    if (workload == nullptr) {
      refuse(std::move(one.socket), one.flow, nullptr, "unknown_workload",
             fmt::format("nobody told the proxy of workload {}", one.flow.workload));
    } else {
      add(std::move(one.socket), one.flow, std::move(workload));
    }
  }
}

void FlowTable::add(Fd socket, const kernel::Flow& flow, std::shared_ptr<Workload> workload) {
  const auto share = per_workload_.find(flow.workload);
  if (sessions_.size() - refused_ >= context_.settings.connections) {
    refuse(std::move(socket), flow, std::move(workload), "limit_connections",
           "the proxy serves as many connections as its limits allow");
  } else if (share != per_workload_.end() &&
             share->second.served >= context_.settings.connections_per_workload) {
    refuse(std::move(socket), flow, std::move(workload), "limit_connections",
           "the workload has as many connections as its limits allow");
  } else {
    Session& session = insert(flow, std::move(workload));
    ++per_workload_[flow.workload].served;
    session.start(std::move(socket));
  }
}

void FlowTable::refuse(Fd socket, const kernel::Flow& flow, std::shared_ptr<Workload> workload,
                       std::string_view code, const std::string& detail) {
  Share& share = per_workload_[flow.workload];
  if (refused_ >= most_refused || share.refused >= most_refused_of_one) {
    if (share.served + share.refused == 0) per_workload_.erase(flow.workload);
    ++context_.counters.calls_refused;
    reset(socket);
    return;
  }
  ++share.refused;
  ++refused_;
  Session& session = insert(flow, std::move(workload));
  session.refused = true;
  session.refuse(std::move(socket), code, detail);
}

Session& FlowTable::insert(const kernel::Flow& flow, std::shared_ptr<Workload> workload) {
  sessions_.push_back(std::make_unique<Session>(context_, flow, std::move(workload)));
  sessions_.back()->index = sessions_.size() - 1;
  return *sessions_.back();
}

void FlowTable::wake(Wait reason) {
  // Who comes first changes each time: where there is not enough for everybody, nobody is always the one who
  // gets nothing.
  const std::size_t count = sessions_.size();
  const std::size_t first = woken_first_ < count ? woken_first_ : 0;
  bool any = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = first + i < count ? first + i : first + i - count;
    if (sessions_[index]->waits_for() != reason) continue;
    if (!std::exchange(any, true)) woken_first_ = index + 1;
    sessions_[index]->step();
  }
}

void FlowTable::run() {
  std::vector<Session*> turn;
  turn.swap(context_.runnable);
  for (Session* session : turn) {
    session->not_runnable();
    session->step();
  }
}

void FlowTable::reap() {
  for (Session* session : context_.finished) {
    if (session->runnable()) std::erase(context_.runnable, session);
    const auto share = per_workload_.find(session->flow().workload);
    if (session->refused) {
      --refused_;
      --share->second.refused;
    } else {
      --share->second.served;
    }
    if (share->second.served + share->second.refused == 0) per_workload_.erase(share);
    const std::size_t index = session->index;
    if (index + 1 != sessions_.size()) {
      std::swap(sessions_[index], sessions_.back());
      sessions_[index]->index = index;
    }
    sessions_.pop_back();
  }
  context_.finished.clear();
}

void FlowTable::sweep() {
  const Nanoseconds now = context_.clock.now();
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    const Nanoseconds deadline = sessions_[i]->deadline();
    if (deadline != 0 && deadline <= now) sessions_[i]->expire();
  }
}

void FlowTable::drain() {
  for (std::size_t i = 0; i < sessions_.size(); ++i)
    sessions_[i]->drain();
}

void FlowTable::policy_changed() {
  for (std::size_t i = 0; i < sessions_.size(); ++i)
    sessions_[i]->policy_changed();
}

void FlowTable::abandon(std::string_view code, std::string_view detail) {
  for (std::size_t i = 0; i < sessions_.size(); ++i)
    sessions_[i]->abandon(code, detail);
}

}  // namespace callgate::proxy
