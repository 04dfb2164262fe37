// The network namespaces of workloads: a handle that keeps each alive, its facts, and the gates inside of it.
//
// A namespace has one gate for each proxy thread and address family, shared by all workloads in it. callgated
// keeps the listeners, so a proxy that dies leaves its connections waiting.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "node/helper.hpp"

namespace callgate::kernel {
class Programs;
}

namespace callgate::node {

struct OpenGate {
  std::uint64_t id = 0;  // never used twice by one callgated
  std::uint32_t thread = 0;
  bool v6 = false;
  std::uint16_t port = 0;
  std::uint32_t attempts = 0;  // to make it again since it was lost
  Fd listener;                 // empty: lost, and not made again yet
};

struct Namespace {
  NamespaceFacts facts;
  Fd handle;
  std::vector<OpenGate> gates;
  std::string problem;  // why a gate is missing; empty: all are there
  std::uint32_t uses = 0;

  [[nodiscard]] std::vector<std::uint16_t> ports(bool v6) const;
};

struct GateSettings {
  std::uint32_t threads = 1;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  std::uint64_t generation = 0;  // that the gates are marked with
};

class Namespaces {
 public:
  struct Events {
    std::function<void(const OpenGate&)> gate_opened;
    std::function<void(const OpenGate&)> gate_closed;
    std::function<void(std::uint64_t cookie)> ports_changed;  // workloads there need another configuration
  };

  Namespaces(Helper& helper, const kernel::Programs& programs, GateSettings settings, Events events);

  // Uses a namespace (an open /proc/PID/ns/net), making its gates at the first use; returns its cookie.
  // Errors: refused where its loopback is down, gate_ports_taken, unavailable, system_error.
  [[nodiscard]] Result<std::uint64_t> acquire(Fd handle);
  // Gives back one use; the last one closes the gates.
  void release(std::uint64_t cookie);

  [[nodiscard]] const Namespace* find(std::uint64_t cookie) const;
  [[nodiscard]] const std::map<std::uint64_t, Namespace>& all() const { return namespaces_; }
  [[nodiscard]] Result<NamespaceFacts> facts(int handle) { return helper_.facts(handle); }

  // A sock_diag socket of a namespace in use. Errors: not_found, unavailable, system_error.
  [[nodiscard]] Result<Fd> make_diagnosis(std::uint64_t cookie);

  // All uses are given back, and the gates stay open until close_unused(): what uses them next may be the
  // same.
  void forget_uses();
  void close_unused();

  // At the end. First nobody is sent to any gate of this agent any more, then, when the proxy has taken what
  // had arrived, they close.
  void retire();
  void close_all();

  // Remakes gates that somebody killed from inside of their namespace, on the same port where it can be had.
  // `lost_only`: only those that were known to be lost before.
  void check_gates(bool lost_only);

 private:
  [[nodiscard]] Result<OpenGate> open_gate(const Namespace& place, std::uint32_t thread, bool v6,
                                           std::uint16_t port);
  [[nodiscard]] Result<void> open_gates(Namespace& place);
  void close_gates(Namespace& place);
  void unmark(const OpenGate& gate) const;
  [[nodiscard]] bool remake(Namespace& place, OpenGate& gate);

  Helper& helper_;
  const kernel::Programs& programs_;
  GateSettings settings_;
  Events events_;
  std::uint64_t next_gate_ = 1;
  std::map<std::uint64_t, Namespace> namespaces_;
};

}  // namespace callgate::node
