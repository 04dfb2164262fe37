#include "node/replacement.hpp"

#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace callgate::node {
namespace {

constexpr std::chrono::seconds reminder{10};

bool under_way(v1::UpgradeState state) {
  return state == v1::UPGRADE_STATE_STARTING || state == v1::UPGRADE_STATE_SWITCHING;
}

// What runs next as root must be nobody else's to change.
Result<void> check_program(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error(fmt::format("look at {}", path), errno);
  if (status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return make_error(
        "unsafe_program",
        fmt::format("{} must belong to root and be writable for it alone, because it runs as root", path));
  }
  return {};
}

}  // namespace

Replacement::Replacement(Loop& loop, ReplacementSettings settings, std::function<void()> ready)
    : loop_(loop), settings_(std::move(settings)), ready_(std::move(ready)) {}

Result<void> Replacement::listen() {
  auto listener = listen_for_handover(settings_.socket);
  if (!listener) return listener.error();
  listener_ = std::move(*listener);
  listener_watch_ = loop_.when_readable(listener_.get(), [this] { on_connection(); });
  return {};
}

void Replacement::stop_listening() {
  listener_watch_ = {};
  listener_.reset();
}

Result<void> Replacement::begin(bool dry_run) {
  if (next_ || under_way(status_.state()))
    return make_error("busy", "another replacement of callgated is going on: `callgate status` shows it");
  CALLGATE_TRY(check_program(settings_.program));
  Launch launch;
  launch.program = settings_.program;
  launch.arguments = {"--config", settings_.config, "--replace"};
  if (dry_run) launch.arguments.emplace_back("--dry-run");
  launch.cgroup = settings_.cgroup;
  launch.variables = {"NOTIFY_SOCKET"};  // it becomes the one that the service manager watches
  auto child = Child::start(launch);
  if (!child) return child.error();
  exit_watch_ = {};  // of one that was only to test itself, and has not ended yet
  child_ = std::move(*child);
  exit_watch_ = loop_.when_readable(child_.pidfd(), [this] { on_exit(); });
  status_.Clear();
  status_.set_state(v1::UPGRADE_STATE_STARTING);
  status_.set_dry_run(dry_run);
  status_.set_started_at(wall_ns());
  status_.set_pid(static_cast<std::uint32_t>(child_.pid()));
  log_info("replacement_started", {{"pid", std::to_string(child_.pid())},
                                   {"program", settings_.program},
                                   {"dry_run", dry_run ? "true" : "false"}});
  return {};
}

void Replacement::on_connection() {
  auto channel = accept_handover(listener_.get());
  if (!channel) {
    if (channel.error().code != "would_block")
      log_warning("replacement_refused", {{"error", channel.error().message}});
    return;
  }
  if (next_) return refuse(*channel, "another callgated is about to take its place already");
  if (awaits_child()) {
    const auto peer = channel->peer();
    if (!peer || peer->pid != child_.pid())
      return refuse(*channel, "another replacement is under way: `callgate status` shows it");
  }
  next_.emplace(std::move(*channel));
  stage_ = Stage::hello;
  next_watch_ = loop_.when_readable(next_->fd(), [this] { on_message(); });
}

bool Replacement::is_child() const {
  return child_.pid() != 0 && status_.pid() == static_cast<std::uint32_t>(child_.pid());
}

bool Replacement::awaits_child() const {
  return is_child() && status_.state() == v1::UPGRADE_STATE_STARTING;
}

void Replacement::refuse(const HandoverChannel& channel, const std::string& reason) const {
  v1::Handover message;
  message.mutable_refused()->set_reason(reason);
  const auto sent = channel.send(message);
  log_warning("replacement_refused", {{"reason", reason}, {"told", sent ? "true" : sent.error().message}});
}

void Replacement::on_message() {
  const auto message = next_->receive();
  if (message) return handle(*message);
  if (message.error().code == "would_block") return;
  if (under_way(status_.state())) failed("it ended before it was ready: its log says why");
  forget_next();
}

void Replacement::forget_next() {
  next_watch_ = {};
  next_.reset();
}

void Replacement::handle(const v1::Handover& message) {
  if (stage_ == Stage::hello && message.has_hello()) {
    greet(message.hello());
  } else if (stage_ == Stage::ready && message.has_ready()) {
    prepare(message.ready());
  } else {
    failed(message.has_given_back() ? message.given_back().reason() : "it broke the order of a handover");
    forget_next();
  }
}

void Replacement::greet(const v1::Handover::Hello& hello) {
  stage_ = Stage::ready;
  if (!under_way(status_.state())) {  // somebody started it by hand
    status_.Clear();
    status_.set_started_at(wall_ns());
  }
  status_.set_state(v1::UPGRADE_STATE_STARTING);
  status_.set_pid(hello.pid());
  status_.set_version(hello.version());
  status_.set_abi(hello.abi());
  status_.set_generation(hello.generation());
  v1::Handover answer;
  auto& own = *answer.mutable_hello();
  own.set_version(CALLGATE_VERSION);
  own.set_abi(settings_.abi);
  own.set_generation(settings_.generation);
  own.set_pid(static_cast<std::uint32_t>(::getpid()));
  const auto sent = next_->send(answer);
  if (!sent) failed(sent.error().message);
}

void Replacement::prepare(const v1::Handover::Ready& ready) {
  stage_ = Stage::nothing;
  status_.mutable_notes()->CopyFrom(ready.notes());
  if (ready.dry_run()) {
    status_.set_dry_run(true);
    status_.set_state(v1::UPGRADE_STATE_POSSIBLE);
    log_info("replacement_possible", {{"version", status_.version()}});
    return;
  }
  status_.set_state(v1::UPGRADE_STATE_SWITCHING);
  // From here on hand_over() reads.
  next_watch_ = {};
  ready_();
}

Replacement::HandedOver Replacement::hand_over(const std::vector<std::uint64_t>& in_force,
                                               const std::function<bool()>& asked_to_stop) {
  v1::Handover message;
  message.mutable_yours()->mutable_in_force()->Add(in_force.begin(), in_force.end());
  const auto sent = next_->send(message);
  if (!sent) {
    failed(sent.error().message);
    return HandedOver::given_back;
  }
  auto answer = next_->wait(loop_, reminder, asked_to_stop);
  while (!answer && answer.error().code == "timed_out") {
    log_warning("handover_pending",
                {{"pid", std::to_string(status_.pid())},
                 {"detail",
                  "the next callgated holds the state, but has not switched the workloads yet; "
                  "ending it gives them back"}});
    answer = next_->wait(loop_, reminder, asked_to_stop);
  }
  if (answer && answer->has_switched()) {
    exit_watch_ = {};
    child_.release();
    return HandedOver::replaced;
  }
  if (!answer && answer.error().code == "given_up") {
    // Whoever stops this one does not know of the other.
    if (is_child()) child_.kill(SIGTERM);
    return HandedOver::stopping;
  }
  failed(!answer                    ? "it ended before the workloads were its own: its log says why"
         : answer->has_given_back() ? answer->given_back().reason()
                                    : "it broke the order of a handover");
  return HandedOver::given_back;
}

void Replacement::taken_back() {
  v1::Handover message;
  message.mutable_taken_back();
  const auto told = next_->send(message);
  log_info("handover_taken_back", {{"told", told ? "true" : "false"}});
  next_.reset();
}

void Replacement::on_exit() {
  exit_watch_ = {};
  // One started by hand may be what goes on now.
  const bool concerned = awaits_child();
  const std::string how = child_.wait();
  if (concerned) failed(fmt::format("it ended with {}: its log says why", how));
}

void Replacement::failed(const std::string& why) {
  log_error("replacement_failed", {{"pid", std::to_string(status_.pid())}, {"reason", why}});
  status_.set_state(v1::UPGRADE_STATE_FAILED);
  status_.set_problem(why);
}

}  // namespace callgate::node
