// What all flows of one thread share: nothing of it is shared with another thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "limit/limit_table.hpp"
#include "policy/engine.hpp"
#include "proxy/clock.hpp"
#include "proxy/poller.hpp"
#include "proxy/probes.hpp"
#include "proxy/process_directory.hpp"
#include "proxy/recorder.hpp"
#include "proxy/settings.hpp"
#include "proxy/socket_stock.hpp"
#include "proxy/upstream_pool.hpp"
#include "proxy/workloads.hpp"

namespace callgate::proxy {

class Session;
class Exchange;

struct Counters {
  std::uint64_t flows = 0;
  std::uint64_t flows_without_origin = 0;
  std::uint64_t calls_allowed = 0;
  std::uint64_t calls_denied = 0;
  std::uint64_t calls_refused = 0;
  std::uint64_t calls_failed = 0;
  std::uint64_t calls_unrecorded = 0;  // went on without a record, as they may
};

// One compiled policy snapshot. Flows hold the one they are judged by.
struct PolicyInForce {
  std::uint64_t version = 0;
  std::unique_ptr<const policy::Engine> engine;
};

class ThreadContext {
 public:
  ThreadContext(Settings limits, Poller& thread_poller, record::RingWriter ring,
                limit::LimitTable limit_table, IdSource id_source, SocketStock::Ask ask_sockets,
                ProcessDirectory::Ask ask_process);
  ~ThreadContext();
  ThreadContext(const ThreadContext&) = delete;
  ThreadContext& operator=(const ThreadContext&) = delete;

  // Machines of calls are kept for the next call, of whichever flow: an idle flow has none.
  [[nodiscard]] std::unique_ptr<Exchange> take_exchange();
  void give_back(std::unique_ptr<Exchange> exchange);

  // Notes what a call or flow that does not wait for its record has lost of it.
  void lose(std::uint64_t workload, const Losses& losses);

  const Settings settings;
  Clock clock;
  Poller& poller;
  Recorder recorder;
  limit::LimitTable limits;  // shared with all threads
  IdSource ids;
  Counters counters;
  Workloads workloads;
  std::shared_ptr<const PolicyInForce> policy;  // shared with the flows that are judged by it
  SocketStock stock;
  ProcessDirectory processes;

  // Received bytes of whichever connection is being stepped; valid until the next one is.
  [[nodiscard]] std::span<std::uint8_t> buffer() { return {buffer_.get(), buffer_size_}; }
  UpstreamPool pool;
  Probes probes;
  // Strings of the running step.
  std::string text;
  std::string content;

  bool draining = false;           // flows end after their present call
  bool keep_idle = false;          // while draining: those without one may begin a last one
  bool ring_wanted = false;        // somebody waits for space in the ring, or a gap does
  bool sync_wanted = false;        // somebody waits for the ring's reader to have something on disk
  std::size_t tapped_calls = 0;    // of observed flows, open in the record
  std::vector<Session*> runnable;  // had more to do than one step may
  std::vector<Session*> finished;  // to be destroyed after the step

 private:
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t buffer_size_ = 0;
  std::vector<std::unique_ptr<Exchange>> shelf_;
};

}  // namespace callgate::proxy
