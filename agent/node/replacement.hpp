// The running callgated's side of its replacement: starts the next one or is found by it, tells how far it
// is, and gives away the state when the next one is ready.
//
// Until the next one says that all workloads are sent to it, this one can take everything back, and does so
// when the next one gives up or dies.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "callgate/v1/control.pb.h"
#include "node/child.hpp"
#include "node/handover_channel.hpp"
#include "node/loop.hpp"

namespace callgate::node {

struct ReplacementSettings {
  std::string socket;   // <run_dir>/handover.sock
  std::string program;  // of callgated
  std::string config;   // file
  std::string cgroup;   // that the next one starts in
  std::uint32_t abi = 0;
  std::uint32_t generation = 0;
};

class Replacement {
 public:
  // `ready`: a next one waits for the state; called on the loop.
  Replacement(Loop& loop, ReplacementSettings settings, std::function<void()> ready);

  [[nodiscard]] Result<void> listen();
  void stop_listening();

  // Starts the next one. Errors: busy, unsafe_program, system_error.
  [[nodiscard]] Result<void> begin(bool dry_run);
  [[nodiscard]] const v1::Upgrade& status() const { return status_; }

  enum class HandedOver : std::uint8_t {
    replaced,    // the workloads are the next one's
    given_back,  // the state is this one's again
    stopping,    // this one was asked to stop first: the next one has the state, and may or may not go on
  };
  // After `ready`, when nothing of the state is used here any more: gives it away and waits, for as long as
  // it takes. Serves the loop meanwhile.
  [[nodiscard]] HandedOver hand_over(const std::vector<std::uint64_t>& in_force,
                                     const std::function<bool()>& asked_to_stop);
  // The state that was given back is in use here again.
  void taken_back();

 private:
  // What the next one may say.
  enum class Stage : std::uint8_t { hello, ready, nothing };

  void on_connection();
  void on_message();
  void handle(const v1::Handover& message);
  void greet(const v1::Handover::Hello& hello);
  void prepare(const v1::Handover::Ready& ready);
  // The next one that was started here is not ready yet.
  [[nodiscard]] bool awaits_child() const;
  // What goes on is about the next one that was started here.
  [[nodiscard]] bool is_child() const;
  void forget_next();
  void refuse(const HandoverChannel& channel, const std::string& reason) const;
  void on_exit();
  void failed(const std::string& why);

  Loop& loop_;
  ReplacementSettings settings_;
  std::function<void()> ready_;
  v1::Upgrade status_;
  Fd listener_;
  Child child_;
  std::optional<HandoverChannel> next_;
  Stage stage_ = Stage::hello;
  Loop::Watch listener_watch_;
  Loop::Watch next_watch_;
  Loop::Watch exit_watch_;
};

}  // namespace callgate::node
