// One thread of the proxy: its event loop, its gates, its flows, its line to callgated.
#pragma once

#include <memory>

#include "base/fd.hpp"
#include "proxy/flow_source.hpp"

namespace callgate::proxy {

// Makes all descriptors that it will need when it is constructed: a confined process cannot make any.
//
// The thread sleeps in its own epoll (poller.hpp). Asio has the channel and the clock: its handlers run when
// the channel is readable and at each sweep, so a call costs no turn of Asio's own reactor.
class Worker {
 public:
  // `channel`: SOCK_SEQPACKET to callgated. `flows` outlives the worker. Throws if the system gives no
  // descriptors.
  Worker(Fd channel, FlowSource& flows);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves until it is drained, or callgated is gone and nothing is left to do. False: the channel could not
  // be followed.
  [[nodiscard]] bool run();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace callgate::proxy
