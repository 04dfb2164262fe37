// The main thread's event loop: timers, descriptors, signals and work posted by other threads.
//
// A thin face of boost::asio::io_context that keeps its headers out of everything else. All callbacks run on
// the thread that is in run(); Timer and Watch are made, used and destroyed there. Destroying one means that
// its callback never runs again.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>

namespace callgate::node {

class Loop {
 public:
  using Callback = std::function<void()>;

  // A pending callback, or a repeated one; empty after default construction.
  class Timer {
   public:
    struct State;
    Timer() = default;
    explicit Timer(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Timer(Timer&&) noexcept;
    Timer& operator=(Timer&&) noexcept;
    ~Timer();

   private:
    std::shared_ptr<State> state_;  // shared with the operation in flight
  };

  // A watched descriptor, which stays the caller's and must outlive the watch.
  class Watch {
   public:
    struct State;
    Watch() = default;
    explicit Watch(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Watch(Watch&&) noexcept;
    Watch& operator=(Watch&&) noexcept;
    ~Watch();
    explicit operator bool() const { return state_ != nullptr; }

   private:
    std::shared_ptr<State> state_;  // shared with the operation in flight
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Returns after stop(), which any thread may call.
  void run();
  void stop();
  // Runs callbacks for at most `time`, or until `done` says so after one; for the end, when run() has
  // returned.
  void run_until(const std::function<bool()>& done, std::chrono::milliseconds time);

  // From any thread: runs on the loop, soon.
  void post(Callback callback);
  [[nodiscard]] Timer after(std::chrono::milliseconds delay, Callback callback);
  [[nodiscard]] Timer every(std::chrono::milliseconds period, Callback callback);
  // Each time the descriptor can be read (or has ended).
  [[nodiscard]] Watch when_readable(int fd, Callback callback);
  // Once, when it can be written.
  [[nodiscard]] Watch when_writable(int fd, Callback callback);
  // Each time one of the signals arrives, until the loop ends.
  void on_signals(std::initializer_list<int> signals, std::function<void(int)> callback);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace callgate::node
