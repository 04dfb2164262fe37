// The inside of a worker, in three parts: worker.cpp has the turns of the loop and what happens from time to
// time, worker_messages.cpp what callgated says and is told, worker_drain.cpp the end.
#pragma once

#include <cstdint>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "proxy/channel.hpp"
#include "proxy/flow_table.hpp"
#include "proxy/gates.hpp"
#include "proxy/thread_context.hpp"
#include "proxy/worker.hpp"

namespace callgate::proxy {

class Worker::Loop {
 public:
  Loop(Fd channel, FlowSource& source);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] bool run();

 private:
  // Brings Asio's turn forward.
  struct ChannelWatcher final : Watcher {
    void on_ready(std::uint32_t) override { ready = true; }
    bool ready = true;
  };

  // Turns and time.
  void serve();
  [[nodiscard]] int next_timeout() const;
  void wake_ring();
  void wake_sync();
  void await_sweep();
  void sweep();

  // Messages.
  void await_channel();
  // False: there is nothing more to expect from the channel.
  bool read_channel();
  void handle(Channel::Incoming& incoming);
  void start(const v1::Start& message, const Fd& ring_file, const Fd& limits_file);
  void replace_policy(std::uint64_t version, int memory);
  void replace_identities(std::uint64_t version, int memory);
  void snapshot_in_force();
  void send(const v1::ToNode& message);
  void ask_sockets(std::uint64_t cookie, bool v6, std::uint32_t count);
  void ask_process(std::uint64_t request, const ProcessDirectory::Process& process);
  void pong(std::uint64_t number);

  // The end.
  // Only noted: it may show in the middle of a flow's step.
  void channel_lost() { channel_lost_ = true; }
  void follow_channel_loss();
  void drain(Nanoseconds time, bool keep_idle);
  void check_drained();

  FlowSource& source_;
  Poller poller_;
  Channel channel_;
  boost::asio::io_context io_;
  boost::asio::posix::stream_descriptor channel_events_;
  boost::asio::steady_timer sweep_timer_;
  ChannelWatcher channel_watcher_;
  Poller::Watch channel_watch_;
  // There once the first message has come.
  std::unique_ptr<ThreadContext> context_;
  std::unique_ptr<FlowTable> flows_;
  std::unique_ptr<Gates> gates_;
  std::uint64_t identities_ = 0;
  Nanoseconds next_sweep_ = 0;
  Nanoseconds next_housekeeping_ = 0;
  Nanoseconds next_ring_wake_ = 0;
  std::uint64_t synced_ = 0;  // position of the ring at which flows were woken
  Nanoseconds drain_deadline_ = 0;
  bool draining_ = false;
  bool channel_lost_ = false;
  bool loss_followed_ = false;
  bool stopped_ = false;
  bool sound_ = true;
};

}  // namespace callgate::proxy
