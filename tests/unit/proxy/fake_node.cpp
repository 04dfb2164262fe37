#include "fake_node.hpp"

#include <array>
#include <cstring>

#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.hpp"
#include "limit/limit_table.hpp"
#include "policy/snapshot.hpp"
#include "proxy/worker.hpp"

namespace callgate::test {
namespace {

constexpr auto patience = std::chrono::seconds(10);

std::string temporary_path() {
  std::string path = "/tmp/callgate-ring-XXXXXX";
  ::close(::mkstemp(path.data()));
  ::unlink(path.c_str());
  return path;
}

}  // namespace

v1::ProxyLimits NodeOptions::generous_limits() {
  v1::ProxyLimits limits;
  limits.set_head_bytes(64U << 10U);
  limits.set_field_count(128);
  limits.set_request_body_bytes(64U << 20U);
  limits.set_response_body_bytes(1U << 30U);
  limits.set_decision_body_bytes(64U << 10U);
  limits.set_payload_bytes(1U << 20U);
  limits.set_connections(1000);
  limits.set_connections_per_workload(1000);
  limits.set_proof_time(300'000);
  limits.set_detect_timeout(20);
  limits.set_head_timeout(30'000);
  limits.set_idle_timeout(30'000);
  limits.set_body_timeout(30'000);
  limits.set_connect_timeout(30'000);
  limits.set_response_timeout(30'000);
  limits.set_stream_timeout(30'000);
  limits.set_record_timeout(30'000);
  limits.set_drain_timeout(30'000);
  limits.set_pool_idle(8);
  limits.set_pool_idle_timeout(30'000);
  return limits;
}

Result<kernel::Flow> FakeFlows::read(int) {
  const std::lock_guard lock(mutex_);
  if (none_) return make_error("no_flow", "the test says so");
  return flow_;
}

void FakeFlows::set(const kernel::Flow& flow) {
  const std::lock_guard lock(mutex_);
  flow_ = flow;
  none_ = false;
}

void FakeFlows::set_none() {
  const std::lock_guard lock(mutex_);
  none_ = true;
}

FakeNode::FakeNode(const NodeOptions& options) : options_(options), ring_path_(temporary_path()) {
  auto ring = record::create_ring(ring_path_, options.ring_size, {1, 0});
  REQUIRE(ring.has_value());
  ring_ = std::move(*ring);
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  channel_ = Fd(ends[0]);
  auto worker = std::make_shared<proxy::Worker>(Fd(ends[1]), flows);
  worker_ = std::thread([this, worker] {
    const bool result = worker->run();
    const std::lock_guard lock(mutex_);
    worker_result_ = result;
  });
  server_ = std::thread([this] { serve(); });
  v1::ToProxy start;
  start.mutable_start()->set_generation(1);
  *start.mutable_start()->mutable_limits() = options.limits;
  limits_ = limit::LimitTable::open_file(ring_path_ + ".limits").value();
  send(start, {ring_.get(), limits_.get()});
  wait([this] { return ready_; });
}

FakeNode::~FakeNode() {
  ::shutdown(channel_.get(), SHUT_RDWR);
  if (server_.joinable()) server_.join();
  if (worker_.joinable()) worker_.join();
  ::unlink(ring_path_.c_str());
  ::unlink((ring_path_ + ".limits").c_str());
}

void FakeNode::send(const v1::ToProxy& message, const std::vector<int>& descriptors) {
  std::string bytes = message.SerializeAsString();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(64 * sizeof(int))> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  ::sendmsg(channel_.get(), &header, MSG_NOSIGNAL);
}

void FakeNode::serve() {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t size = ::recv(channel_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return;
    v1::ToNode message;
    if (message.ParseFromArray(buffer.data(), static_cast<int>(size))) handle(message);
  }
}

void FakeNode::handle(const v1::ToNode& message) {
  {
    const std::lock_guard lock(mutex_);
    if (message.has_ready()) ready_ = true;
    if (message.has_in_force()) in_force_ = message.in_force();
    if (message.has_drained()) drained_ = true;
    if (message.has_pong()) {
      counters_ = message.pong().counters();
      ++pongs_;
    }
    if (message.has_need_sockets() && !options_.give_sockets) held_.push_back(message.need_sockets());
  }
  changed_.notify_all();
  if (message.has_need_sockets() && options_.give_sockets) answer_sockets(message.need_sockets());
  if (message.has_resolve_process() && options_.answer_processes) {
    v1::ToProxy answer;
    answer.mutable_process_path()->set_request(message.resolve_process().request());
    answer.mutable_process_path()->set_path(options_.process);
    send(answer);
  }
}

void FakeNode::answer_sockets(const v1::NeedSockets& need) {
  v1::ToProxy answer;
  v1::UpstreamSockets& sockets = *answer.mutable_upstream_sockets();
  sockets.set_netns_cookie(need.netns_cookie());
  sockets.set_v6(need.v6());
  sockets.set_count(need.count());
  std::vector<Fd> made;
  std::vector<int> numbers;
  for (std::uint32_t i = 0; i < need.count(); ++i) {
    made.emplace_back(
        ::socket(need.v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    numbers.push_back(made.back().get());
  }
  send(answer, numbers);
}

void FakeNode::give_sockets() {
  std::vector<v1::NeedSockets> held;
  wait([this] { return !held_.empty(); });
  {
    const std::lock_guard lock(mutex_);
    held.swap(held_);
  }
  for (const auto& need : held)
    answer_sockets(need);
}

void FakeNode::wait(const std::function<bool()>& done) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, done)) FAIL("the proxy did not answer in time");
}

void FakeNode::add_gate(std::uint64_t id, int listener) {
  v1::ToProxy message;
  message.mutable_add_gate()->set_gate(id);
  send(message, {listener});
}

void FakeNode::remove_gate(std::uint64_t id) {
  v1::ToProxy message;
  message.mutable_remove_gate()->set_gate(id);
  send(message);
}

void FakeNode::set_policy(const std::string& yaml, bool enforce_by_default, const std::string& address) {
  auto parsed = policy::parse_policies(yaml, "test.yaml");
  if (policy::has_error(parsed.findings)) FAIL(policy::format_finding(parsed.findings[0], yaml));
  policy::Snapshot snapshot;
  snapshot.policies = std::move(parsed.policies);
  snapshot.default_mode = enforce_by_default ? policy::Mode::enforce : policy::Mode::observe;
  for (const std::string& host : policy::hosts_to_resolve(snapshot.policies)) {
    snapshot.resolved.push_back({host, {*parse_address(address)}});
  }
  const auto memory = make_sealed_memory("policy", policy::serialize_snapshot(snapshot));
  REQUIRE(memory.has_value());
  v1::ToProxy message;
  message.mutable_policy()->set_version(++version_);
  send(message, {memory->get()});
  wait([&] { return in_force_.policy() == version_; });
}

void FakeNode::set_identities(const v1::Identities& identities) {
  const auto memory = make_sealed_memory("identities", identities.SerializeAsString());
  REQUIRE(memory.has_value());
  v1::ToProxy message;
  message.mutable_identities()->set_version(++version_);
  send(message, {memory->get()});
  wait([&] { return in_force_.identities() == version_; });
}

void FakeNode::drain(std::uint32_t milliseconds, bool keep_idle) {
  v1::ToProxy message;
  message.mutable_drain()->set_deadline(milliseconds);
  message.mutable_drain()->set_keep_idle(keep_idle);
  send(message);
}

void FakeNode::die() {
  ::shutdown(channel_.get(), SHUT_RDWR);
  server_.join();
}

bool FakeNode::join() {
  worker_.join();
  const std::lock_guard lock(mutex_);
  return worker_result_;
}

v1::ProxyCounters FakeNode::counters() {
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = pongs_;
  }
  v1::ToProxy message;
  message.mutable_ping()->set_number(before + 1);
  send(message);
  wait([&] { return pongs_ > before; });
  const std::lock_guard lock(mutex_);
  return counters_;
}

void FakeNode::wait_drained() {
  wait([this] { return drained_; });
}

}  // namespace callgate::test
