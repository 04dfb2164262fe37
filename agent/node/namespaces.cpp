#include "node/namespaces.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "kernel/gate.hpp"
#include "kernel/programs.hpp"

namespace callgate::node {
namespace {

constexpr std::uint32_t same_port_attempts = 20;

}  // namespace

std::vector<std::uint16_t> Namespace::ports(bool v6) const {
  std::vector<std::uint16_t> result;
  for (const OpenGate& gate : gates) {
    if (gate.v6 == v6) result.push_back(gate.port);
  }
  return result;
}

Namespaces::Namespaces(Helper& helper, const kernel::Programs& programs, GateSettings settings, Events events)
    : helper_(helper), programs_(programs), settings_(settings), events_(std::move(events)) {}

Result<std::uint64_t> Namespaces::acquire(Fd handle) {
  const auto facts = helper_.facts(handle.get());
  if (!facts) return facts.error();
  const auto known = namespaces_.find(facts->cookie);
  if (known != namespaces_.end()) {
    ++known->second.uses;
    return facts->cookie;
  }
  if (!facts->loopback_up) {
    return make_error("refused",
                      "the loopback interface of the network namespace is down, so no gate can be reached: "
                      "`ip link set lo up` inside of it");
  }
  Namespace place;
  place.facts = *facts;
  place.handle = std::move(handle);
  place.uses = 1;
  CALLGATE_TRY(open_gates(place));
  auto& kept = namespaces_[facts->cookie];
  kept = std::move(place);
  for (const OpenGate& gate : kept.gates)
    events_.gate_opened(gate);
  return facts->cookie;
}

void Namespaces::release(std::uint64_t cookie) {
  const auto found = namespaces_.find(cookie);
  if (found == namespaces_.end() || --found->second.uses != 0) return;
  close_gates(found->second);
  namespaces_.erase(found);
}

const Namespace* Namespaces::find(std::uint64_t cookie) const {
  const auto found = namespaces_.find(cookie);
  return found == namespaces_.end() ? nullptr : &found->second;
}

Result<OpenGate> Namespaces::open_gate(const Namespace& place, std::uint32_t thread, bool v6,
                                       std::uint16_t port) {
  auto made = helper_.make_gate(place.handle.get(), v6, port != 0 ? port : settings_.first_port,
                                port != 0 ? port : settings_.last_port);
  if (!made) return made.error();
  CALLGATE_TRY(programs_.mark_gate(made->listener.get(), {settings_.generation, 0}));
  return OpenGate{next_gate_++, thread, v6, made->port, 0, std::move(made->listener)};
}

Result<void> Namespaces::open_gates(Namespace& place) {
  for (const bool v6 : {false, true}) {
    for (std::uint32_t thread = 0; thread < settings_.threads; ++thread) {
      auto gate = open_gate(place, thread, v6, 0);
      if (gate) {
        place.gates.push_back(std::move(*gate));
        continue;
      }
      // Without IPv6 in the namespace there is no ::1 to listen on. Connections over IPv6, if they come about
      // later, are refused then, not let out.
      if (v6 && thread == 0 && gate.error().code == "system_error") {
        log_info("gate_without_ipv6",
                 {{"netns", std::to_string(place.facts.cookie)}, {"reason", gate.error().message}});
        return {};
      }
      return gate.error();
    }
  }
  return {};
}

void Namespaces::unmark(const OpenGate& gate) const {
  if (!gate.listener) return;
  const auto unmarked = programs_.unmark_gate(gate.listener.get());
  if (!unmarked) log_debug("gate_not_unmarked", {{"error", unmarked.error().message}});
}

void Namespaces::close_gates(Namespace& place) {
  for (const OpenGate& gate : place.gates) {
    if (!gate.listener) continue;
    unmark(gate);
    events_.gate_closed(gate);
  }
  place.gates.clear();
}

Result<Fd> Namespaces::make_diagnosis(std::uint64_t cookie) {
  const Namespace* const place = find(cookie);
  if (place == nullptr) return make_error("not_found", "no workload uses this network namespace");
  return helper_.make_diagnosis(place->handle.get());
}

void Namespaces::forget_uses() {
  for (auto& [cookie, place] : namespaces_)
    place.uses = 0;
}

void Namespaces::close_unused() {
  for (auto place = namespaces_.begin(); place != namespaces_.end();) {
    if (place->second.uses != 0) {
      ++place;
      continue;
    }
    close_gates(place->second);
    place = namespaces_.erase(place);
  }
}

void Namespaces::retire() {
  for (const auto& [cookie, place] : namespaces_) {
    for (const OpenGate& gate : place.gates)
      unmark(gate);
  }
}

void Namespaces::close_all() {
  for (auto& [cookie, place] : namespaces_)
    close_gates(place);
  namespaces_.clear();
}

bool Namespaces::remake(Namespace& place, OpenGate& gate) {
  const std::string cookie = std::to_string(place.facts.cookie);
  if (gate.listener) {
    log_warning("gate_lost", {{"netns", cookie}, {"port", std::to_string(gate.port)}});
    events_.gate_closed(gate);
    gate.listener.reset();
    gate.attempts = 0;
  }
  ++gate.attempts;
  // A killed listener keeps its port until the proxy, too, has closed it; another port is for when somebody
  // took this one.
  auto fresh = open_gate(place, gate.thread, gate.v6, gate.port);
  if (!fresh && gate.attempts > same_port_attempts) fresh = open_gate(place, gate.thread, gate.v6, 0);
  if (!fresh) {
    if (gate.attempts == same_port_attempts + 1) {
      place.problem = fmt::format("the gate on port {} was killed and cannot be made again: {}", gate.port,
                                  fresh.error().message);
      log_error("gate_not_remade",
                {{"netns", cookie}, {"port", std::to_string(gate.port)}, {"error", fresh.error().message}});
    }
    return false;
  }
  log_info(
      "gate_remade",
      {{"netns", cookie}, {"port", std::to_string(gate.port)}, {"new_port", std::to_string(fresh->port)}});
  const bool moved = fresh->port != gate.port;
  gate = std::move(*fresh);
  events_.gate_opened(gate);
  place.problem.clear();
  return moved;
}

void Namespaces::check_gates(bool lost_only) {
  for (auto& [cookie, place] : namespaces_) {
    bool moved = false;
    for (OpenGate& gate : place.gates) {
      if (gate.listener && (lost_only || kernel::gate_alive(gate.listener.get()))) continue;
      moved = remake(place, gate) || moved;
    }
    if (moved) events_.ports_changed(cookie);
  }
}

}  // namespace callgate::node
