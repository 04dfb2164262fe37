#include "node/loop.hpp"

#include <list>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

namespace callgate::node {

namespace asio = boost::asio;

struct Loop::Implementation {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::list<asio::signal_set> signals;
};

struct Loop::Timer::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, std::chrono::milliseconds period_, bool repeated_, Callback callback_)
      : timer(context), period(period_), repeated(repeated_), callback(std::move(callback_)) {}

  void arm() {
    timer.expires_after(period);
    timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || self->cancelled) return;
      if (self->repeated) self->arm();
      // A copy: the callback may destroy the timer, and with it the original.
      const Callback current = self->callback;
      current();
    });
  }

  void cancel() {
    cancelled = true;
    callback = nullptr;
    timer.cancel();
  }

  asio::steady_timer timer;
  std::chrono::milliseconds period;
  bool repeated;
  bool cancelled = false;
  Callback callback;
};

struct Loop::Watch::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, int fd, asio::posix::descriptor_base::wait_type direction_, bool repeated_,
        Callback callback_)
      : descriptor(context, fd), direction(direction_), repeated(repeated_), callback(std::move(callback_)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (descriptor.is_open()) descriptor.release();
  }

  void arm() {
    descriptor.async_wait(direction, [self = shared_from_this()](boost::system::error_code error) {
      if (error || self->cancelled) return;
      const Callback current = self->callback;
      current();
      if (self->repeated && !self->cancelled) self->arm();
    });
  }

  void cancel() {
    cancelled = true;
    callback = nullptr;
    descriptor.release();  // cancels what waits, and leaves the descriptor open
  }

  asio::posix::stream_descriptor descriptor;
  asio::posix::descriptor_base::wait_type direction;
  bool repeated;
  bool cancelled = false;
  Callback callback;
};

Loop::Timer::Timer(Timer&&) noexcept = default;
Loop::Timer& Loop::Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    if (state_) state_->cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}
Loop::Timer::~Timer() {
  if (state_) state_->cancel();
}

Loop::Watch::Watch(Watch&&) noexcept = default;
Loop::Watch& Loop::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    if (state_) state_->cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}
Loop::Watch::~Watch() {
  if (state_) state_->cancel();
}

Loop::Loop() : implementation_(std::make_unique<Implementation>()) {}
Loop::~Loop() = default;

void Loop::run() {
  implementation_->context.restart();
  implementation_->context.run();
}

void Loop::stop() {
  implementation_->context.stop();
}

void Loop::run_until(const std::function<bool()>& done, std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  implementation_->context.restart();
  while (!done() && std::chrono::steady_clock::now() < deadline)
    implementation_->context.run_one_until(deadline);
}

void Loop::post(Callback callback) {
  asio::post(implementation_->context, std::move(callback));
}

Loop::Timer Loop::after(std::chrono::milliseconds delay, Callback callback) {
  auto state = std::make_shared<Timer::State>(implementation_->context, delay, false, std::move(callback));
  state->arm();
  return Timer(std::move(state));
}

Loop::Timer Loop::every(std::chrono::milliseconds period, Callback callback) {
  auto state = std::make_shared<Timer::State>(implementation_->context, period, true, std::move(callback));
  state->arm();
  return Timer(std::move(state));
}

Loop::Watch Loop::when_readable(int fd, Callback callback) {
  auto state = std::make_shared<Watch::State>(
      implementation_->context, fd, asio::posix::descriptor_base::wait_read, true, std::move(callback));
  state->arm();
  return Watch(std::move(state));
}

Loop::Watch Loop::when_writable(int fd, Callback callback) {
  auto state = std::make_shared<Watch::State>(
      implementation_->context, fd, asio::posix::descriptor_base::wait_write, false, std::move(callback));
  state->arm();
  return Watch(std::move(state));
}

void Loop::on_signals(std::initializer_list<int> signals, std::function<void(int)> callback) {
  asio::signal_set& set = implementation_->signals.emplace_back(implementation_->context);
  for (const int signal : signals)
    set.add(signal);
  struct Next {
    asio::signal_set* set;
    std::function<void(int)> callback;
    void operator()(boost::system::error_code error, int signal) {
      if (error) return;
      callback(signal);
      set->async_wait(Next{set, callback});
    }
  };
  set.async_wait(Next{&set, std::move(callback)});
}

}  // namespace callgate::node
