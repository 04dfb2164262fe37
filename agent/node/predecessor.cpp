#include "node/predecessor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.hpp"

namespace callgate::node {
namespace {

constexpr std::chrono::seconds greeting_patience{10};
// The running one writes what is in its rings to disk before it answers.
constexpr std::chrono::seconds state_patience{60};

Error unexpected(const v1::Handover& message) {
  if (message.has_refused())
    return make_error("refused", "the running callgated refuses: " + message.refused().reason());
  return make_error("bad_message", "the running callgated broke the order of a handover");
}

}  // namespace

Result<Predecessor> Predecessor::find(Loop& loop, const std::string& socket) {
  auto channel = HandoverChannel::connect(socket);
  if (!channel) return channel.error();
  return Predecessor(loop, std::move(*channel));
}

Result<void> Predecessor::greet(std::uint32_t abi, std::uint32_t generation) {
  v1::Handover message;
  auto& hello = *message.mutable_hello();
  hello.set_version(CALLGATE_VERSION);
  hello.set_abi(abi);
  hello.set_generation(generation);
  hello.set_pid(static_cast<std::uint32_t>(::getpid()));
  // One that refuses at once has said why.
  auto sent = channel_.send(message);
  if (!sent && sent.error().code != "closed") return sent;
  const auto answer = channel_.wait(*loop_, greeting_patience);
  if (!answer) return answer.error();
  if (!answer->has_hello()) return unexpected(*answer);
  log_info("replacing", {{"pid", std::to_string(answer->hello().pid())},
                         {"version", answer->hello().version()},
                         {"generation", std::to_string(answer->hello().generation())},
                         {"abi", std::to_string(answer->hello().abi())}});
  return {};
}

Result<void> Predecessor::say_ready(bool dry_run, const std::vector<std::string>& notes) {
  v1::Handover message;
  message.mutable_ready()->set_dry_run(dry_run);
  message.mutable_ready()->mutable_notes()->Add(notes.begin(), notes.end());
  return channel_.send(message);
}

Result<std::vector<std::uint64_t>> Predecessor::ask_for_state(const std::vector<std::string>& notes) {
  CALLGATE_TRY(say_ready(false, notes));
  asked_ = true;
  const auto answer = channel_.wait(*loop_, state_patience);
  // One that has ended holds nothing back.
  if (!answer && answer.error().code == "closed") return std::vector<std::uint64_t>();
  if (!answer) return answer.error();
  if (!answer->has_yours()) return unexpected(*answer);
  return std::vector<std::uint64_t>(answer->yours().in_force().begin(), answer->yours().in_force().end());
}

Result<void> Predecessor::say_switched() {
  v1::Handover message;
  message.mutable_switched();
  auto sent = channel_.send(message);
  // Nobody is left who would have to know.
  if (!sent && sent.error().code != "closed") return sent;
  return {};
}

void Predecessor::give_back(const std::string& reason) {
  v1::Handover message;
  message.mutable_given_back()->set_reason(reason);
  const auto sent = channel_.send(message);
  if (!sent) {
    log_warning("not_given_back", {{"error", sent.error().message}});
    return;
  }
  if (!asked_) return;
  const auto answer = channel_.wait(*loop_, state_patience);
  if (!answer || !answer->has_taken_back())
    log_warning("not_taken_back", {{"error", answer ? "an unexpected answer" : answer.error().message}});
}

}  // namespace callgate::node
