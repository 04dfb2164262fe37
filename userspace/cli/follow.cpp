#include "cli/follow.hpp"

#include <chrono>
#include <thread>

namespace callgate::cli {
namespace {

constexpr std::chrono::milliseconds pause{100};
constexpr std::chrono::seconds patience{15};

bool is_gone(const Result<void>& ended) {
  return ended || ended.error().code == "agent_unreachable" || ended.error().code == "unavailable";
}

}  // namespace

bool Follower::use(std::unique_ptr<control::Client> client) {
  const std::lock_guard lock(mutex_);
  client_ = std::move(client);
  return !stopping_;
}

bool Follower::stopped() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Follower::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (client_) client_->cancel();
}

Result<void> Follower::run(const v1::SessionFilter& filter,
                           const std::function<bool(const v1::Record&)>& on_record,
                           const std::function<void()>& on_gap) {
  v1::TailSessionsRequest request;
  *request.mutable_filter() = filter;
  bool met = false;      // an agent has answered before
  bool missing = false;  // and the gap since then was told
  bool wanted = true;
  auto seen = std::chrono::steady_clock::now();
  for (;;) {
    const auto began = std::chrono::steady_clock::now();
    auto client = context_.connect();
    Result<void> ended = client ? Result<void>() : Result<void>(client.error());
    if (client) {
      if (!use(std::move(*client))) return {};
      ended = client_->tail_sessions(request,
                                     [&](const v1::Record& record) { return wanted = on_record(record); });
    }
    if (!wanted || stopped()) return {};
    // A stream that stayed open for a while had somebody at its other end.
    if (client && std::chrono::steady_clock::now() - began > pause) {
      met = true;
      missing = false;
      seen = std::chrono::steady_clock::now();
    }
    if (!is_gone(ended) || !met) return ended;
    if (std::chrono::steady_clock::now() - seen > patience)
      return make_error("agent_unreachable", "callgated stopped, and did not come back: this ends here");
    if (!missing) on_gap();
    missing = true;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace callgate::cli
