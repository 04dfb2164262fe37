// The listeners of one thread, whose connections become flows.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "base/fd.hpp"
#include "proxy/clock.hpp"
#include "proxy/flow_table.hpp"
#include "proxy/poller.hpp"
#include "proxy/thread_context.hpp"

namespace callgate::proxy {

class Gates {
 public:
  // Both outlive the gates.
  Gates(ThreadContext& context, FlowTable& flows) : context_(context), flows_(flows) {}
  Gates(const Gates&) = delete;
  Gates& operator=(const Gates&) = delete;

  // Takes the place of the gate that had this id. One that cannot be watched is logged and left out.
  void add(std::uint64_t id, Fd socket);
  void remove(std::uint64_t id);

  // Until then connections are left in the backlogs: without policies and identities nobody can be served.
  void open() { open_ = true; }
  [[nodiscard]] bool is_open() const { return open_; }

  // A turn each: of all gates, of those that had more connections than one turn accepts, and of all again
  // where descriptors or memory were lacking.
  void accept_all();
  void accept_waiting();
  void accept_failed_again();
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }

  // Accepts what is in the backlogs, as far as that comes to an end, and closes them.
  void close();

 private:
  struct Gate final : Watcher {
    Gate(Gates& all, std::uint64_t gate_id, Fd listener)
        : gates(all), id(gate_id), socket(std::move(listener)) {}
    void on_ready(std::uint32_t) override { gates.accept(*this); }
    Gates& gates;
    std::uint64_t id;
    Fd socket;
    Poller::Watch watch;
  };

  void accept(Gate& gate);

  ThreadContext& context_;
  FlowTable& flows_;
  std::list<Gate> gates_;
  std::vector<Gate*> waiting_;
  Nanoseconds next_warning_ = 0;
  bool open_ = false;
  bool failed_ = false;
};

}  // namespace callgate::proxy
