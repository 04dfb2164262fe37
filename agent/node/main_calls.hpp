// Lets other threads have something done on the loop's thread, and wait for it, but not for ever.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.hpp"
#include "node/loop.hpp"

namespace callgate::node {

class MainCalls {
 public:
  explicit MainCalls(Loop& loop) : loop_(loop), shared_(std::make_shared<Shared>()) {}
  ~MainCalls() { stop(); }
  MainCalls(const MainCalls&) = delete;
  MainCalls& operator=(const MainCalls&) = delete;

  // From any thread but the loop's. Work that has not begun in time is never done (error unavailable); work
  // that has begun is waited for, so it may use what the caller owns.
  template <typename T>
  [[nodiscard]] Result<T> run(std::function<Result<T>()> work) {
    std::optional<Result<T>> outcome;
    if (!run_or_give_up([&] { outcome.emplace(work()); }) || !outcome) {
      return make_error("unavailable", "callgated is busy or ending: try again");
    }
    return std::move(*outcome);
  }

  // From now on everything is refused, also what waits.
  void stop() {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->changed.notify_all();
  }

  static constexpr std::chrono::seconds patience{5};

 private:
  enum class State { waiting, running, done, given_up };
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool stopping = false;
  };

  bool run_or_give_up(std::function<void()> work) {
    // Shared with the posted callback, which may come after the caller has left.
    const auto state = std::make_shared<State>(State::waiting);
    std::unique_lock lock(shared_->mutex);
    if (shared_->stopping) return false;
    loop_.post([shared = shared_, state, work = std::move(work)] {
      {
        const std::lock_guard guard(shared->mutex);
        if (*state != State::waiting) return;
        *state = State::running;
      }
      work();
      const std::lock_guard guard(shared->mutex);
      *state = State::done;
      shared->changed.notify_all();
    });
    shared_->changed.wait_for(lock, patience, [&] { return *state != State::waiting || shared_->stopping; });
    if (*state == State::waiting) {
      *state = State::given_up;
      return false;
    }
    shared_->changed.wait(lock, [&] { return *state == State::done; });
    return true;
  }

  Loop& loop_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace callgate::node
