#include "cli/follow.hpp"

#include <algorithm>

namespace callgate::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{5000};
constexpr std::size_t most_held = 1000;

bool is_gone(const Result<void>& ended) {
  return ended || ended.error().code == "agent_unreachable" || ended.error().code == "unavailable" ||
         ended.error().code == "cancelled";
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
  stopped_.notify_all();
  if (client_) client_->cancel();
}

bool Follower::take(const v1::TailItem& item, v1::TailSessionsRequest& request,
                    const std::function<bool(const v1::TailItem&)>& on_item) {
  heard_ = true;
  if (item.cursor().empty() && held_.size() < most_held) {
    held_.push_back(item);
    return true;
  }
  for (const auto& held : held_)
    wanted_ = wanted_ && on_item(held);
  held_.clear();
  wanted_ = wanted_ && on_item(item);
  request.set_after(item.cursor());
  return wanted_;
}

Result<void> Follower::read(v1::TailSessionsRequest& request,
                            const std::function<bool(const v1::TailItem&)>& on_item) {
  heard_ = false;
  held_.clear();
  auto client = context_.connect();
  if (!client) return client.error();
  if (!use(std::move(*client))) return {};
  const auto asked = request;
  return client_->tail_sessions(asked,
                                [&](const v1::TailItem& item) { return take(item, request, on_item); });
}

Result<void> Follower::run(v1::TailSessionsRequest request,
                           const std::function<bool(const v1::TailItem&)>& on_item,
                           const std::function<void()>& on_away) {
  bool met = false;      // an agent has answered before
  bool missing = false;  // and its absence was told
  auto seen = Clock::now();
  auto pause = first_pause;
  for (;;) {
    const auto ended = read(request, on_item);
    if (!wanted_ || stopped() || (ended && !request.follow())) return {};
    if (heard_) {
      met = true;
      missing = false;
      seen = Clock::now();
      pause = first_pause;
    }
    if (!is_gone(ended) || !met) return ended;
    if (patience_ != endless && Clock::now() - seen > patience_)
      return make_error("agent_unreachable", "callgated stopped, and did not come back: this ends here");
    if (!missing) on_away();
    missing = true;
    std::unique_lock lock(mutex_);
    if (stopped_.wait_for(lock, pause, [this] { return stopping_; })) return {};
    pause = std::min(pause * 2, longest_pause);
  }
}

}  // namespace callgate::cli
