#include "node/helper.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace callgate::node {
namespace {

constexpr std::size_t most_pending = 1024;
constexpr std::chrono::milliseconds restart_delay{200};

template <std::size_t size>
std::string read_text(const std::array<char, size>& text) {
  return {text.data(), ::strnlen(text.data(), size)};
}

Error helper_gone() {
  return make_error("unavailable", "the socket helper ended and is being replaced: try again");
}

}  // namespace

Helper::Helper(Loop& loop, std::string program, std::string cgroup)
    : loop_(loop), program_(std::move(program)), cgroup_(std::move(cgroup)) {}

Helper::~Helper() {
  stop();
}

Result<void> Helper::start() {
  auto pair = make_packet_pair();
  if (!pair) return pair.error();
  Launch launch;
  launch.program = program_;
  launch.arguments = {"--socket-helper"};
  launch.cgroup = cgroup_;
  launch.descriptors = {pair->second.get()};
  launch.die_with_parent = true;
  auto child = Child::start(launch);
  if (!child) return child.error();
  child_ = std::move(*child);
  channel_ = std::move(pair->first);
  watch_ = loop_.when_readable(channel_.get(), [this] {
    if (!receive()) on_end("its channel closed");
  });
  log_info("helper_started", {{"pid", std::to_string(child_.pid())}});
  return {};
}

void Helper::stop() {
  retry_ = {};
  watch_ = {};
  channel_.reset();  // the helper ends at the end of its channel
  if (child_.pid() != 0) {
    child_.kill(SIGKILL);
    static_cast<void>(child_.wait());
  }
  pending_.clear();
}

Result<std::uint64_t> Helper::send(HelperRequest request, int network_namespace) {
  if (!channel_) return helper_gone();
  if (pending_.size() >= most_pending)
    return make_error("busy", "the socket helper has too much to do: try again");
  request.number = next_number_++;
  CALLGATE_TRY(send_packet(channel_.get(), {reinterpret_cast<const char*>(&request), sizeof(request)},
                           std::span<const int>(&network_namespace, 1)));
  return request.number;
}

Result<Helper::Answer> Helper::ask(HelperRequest request, int network_namespace) {
  const auto number = send(request, network_namespace);
  if (!number) return number.error();
  std::optional<Result<Answer>> outcome;
  pending_[*number] = [&outcome](Result<Answer> answer) { outcome = std::move(answer); };
  const std::uint64_t deadline =
      monotonic_ns() + static_cast<std::uint64_t>(std::chrono::nanoseconds(patience).count());
  while (!outcome) {
    const std::uint64_t now = monotonic_ns();
    pollfd entry{channel_.get(), POLLIN, 0};
    const int timeout = now >= deadline ? 0 : static_cast<int>((deadline - now) / 1'000'000U) + 1;
    const int ready = ::poll(&entry, 1, timeout);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      pending_.erase(*number);
      on_end("it did not answer in time");
      return make_error("unavailable",
                        "the socket helper did not answer in time and is being replaced: try again");
    }
    if (!receive() && !outcome) {
      pending_.erase(*number);
      on_end("its channel closed");
      return helper_gone();
    }
  }
  return std::move(*outcome);
}

bool Helper::receive() {
  for (;;) {
    auto packet = receive_packet(channel_.get());
    if (!packet) return packet.error().code == "would_block";
    if (packet->bytes.size() != sizeof(HelperReply)) return false;
    Answer answer;
    std::memcpy(&answer.reply, packet->bytes.data(), sizeof(HelperReply));
    answer.descriptors = std::move(packet->descriptors);
    const auto found = pending_.find(answer.reply.number);
    if (found == pending_.end()) return false;
    const AnswerCallback callback = std::move(found->second);
    pending_.erase(found);
    const std::string code = read_text(answer.reply.error_code);
    if (code.empty()) {
      callback(std::move(answer));
    } else {
      callback(make_error(code, read_text(answer.reply.error_message)));
    }
  }
}

void Helper::on_end(const std::string& why) {
  watch_ = {};
  channel_.reset();
  child_.kill(SIGKILL);
  const std::string how = child_.wait();
  ++restarts_;
  log_warning("helper_ended", {{"reason", why}, {"status", how}});
  const auto abandoned = std::exchange(pending_, {});
  for (const auto& [number, callback] : abandoned)
    callback(helper_gone());
  restart();
}

void Helper::restart() {
  const auto restarted = start();
  if (restarted) return;
  log_error("helper_not_started", {{"error", restarted.error().message}});
  retry_ = loop_.after(restart_delay, [this] { restart(); });
}

Result<NamespaceFacts> Helper::facts(int network_namespace) {
  HelperRequest request;
  request.task = HelperTask::facts;
  const auto answer = ask(request, network_namespace);
  if (!answer) return answer.error();
  NamespaceFacts facts;
  facts.cookie = answer->reply.netns_cookie;
  facts.loopback_up = answer->reply.loopback_up != 0;
  if (answer->reply.has_v4 != 0) {
    facts.source_v4.emplace();
    facts.source_v4->ip = answer->reply.source_v4;
  }
  if (answer->reply.has_v6 != 0) {
    facts.source_v6.emplace();
    facts.source_v6->ip = answer->reply.source_v6;
    facts.source_v6->v6 = true;
  }
  return facts;
}

Result<MadeGate> Helper::make_gate(int network_namespace, bool v6, std::uint16_t first_port,
                                   std::uint16_t last_port) {
  HelperRequest request;
  request.task = HelperTask::gate;
  request.v6 = v6 ? 1 : 0;
  request.first_port = first_port;
  request.last_port = last_port;
  auto answer = ask(request, network_namespace);
  if (!answer) return answer.error();
  if (answer->descriptors.size() != 1) return make_error("bad_reply", "the socket helper sent no gate");
  return MadeGate{std::move(answer->descriptors.front()), answer->reply.port};
}

Result<Fd> Helper::make_diagnosis(int network_namespace) {
  HelperRequest request;
  request.task = HelperTask::diagnosis;
  auto answer = ask(request, network_namespace);
  if (!answer) return answer.error();
  if (answer->descriptors.size() != 1)
    return make_error("bad_reply", "the socket helper sent no sock_diag socket");
  return std::move(answer->descriptors.front());
}

void Helper::make_sockets(int network_namespace, bool v6, std::uint32_t count, SocketsCallback callback) {
  HelperRequest request;
  request.task = HelperTask::sockets;
  request.v6 = v6 ? 1 : 0;
  request.count = count;
  const auto number = send(request, network_namespace);
  if (!number) {
    loop_.post([callback = std::move(callback), error = number.error()] { callback(error); });
    return;
  }
  pending_[*number] = [callback = std::move(callback)](Result<Answer> answer) {
    if (!answer) {
      callback(answer.error());
    } else {
      callback(std::move(answer->descriptors));
    }
  };
}

}  // namespace callgate::node
