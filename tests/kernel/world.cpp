#include "world.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup.hpp"
#include "kernel/pins.hpp"

namespace callgate::test {
namespace {

constexpr std::uint16_t first_gate_port = 15000;
constexpr std::uint16_t last_gate_port = 15100;
std::uint64_t next_workload = 100;
std::unique_ptr<Machine> machine;

Listener listen_on(const char* ip) {
  Address address = need(parse_address(ip));
  sockaddr_storage storage{};
  socklen_t length = to_sockaddr(address, storage);
  Listener listener;
  listener.fd = Fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (::bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) fail("bind of a server");
  if (::listen(listener.fd.get(), 4096) != 0) fail("listen of a server");
  ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&storage), &length);
  listener.port = need(from_sockaddr(storage)).port;
  return listener;
}

}  // namespace

kernel::Programs start_programs(const std::string& pin_dir, const Cgroup& agent) {
  auto opened = need(kernel::open_programs({pin_dir, ""}));
  auto loaded = need(std::move(opened).load());
  const Fd cgroup = need(kernel::open_cgroup(agent.path()));
  return need(std::move(loaded).attach(cgroup.get()));
}

Machine& Machine::get() {
  if (!machine) machine.reset(new Machine);
  return *machine;
}

void Machine::tear_down() {
  machine.reset();
}

Machine::Machine() {
  std::array<char, 64> directory{"/tmp/callgate-kernel-tests-XXXXXX"};
  if (::mkdtemp(directory.data()) == nullptr) fail("mkdtemp");
  bpffs_ = directory.data();
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    fail("make a mount namespace");
  if (::mount("bpf", bpffs_.c_str(), "bpf", 0, "mode=0700") != 0) fail("mount a bpf filesystem");
  pin_dir_ = bpffs_ + "/callgate";
  const std::string mount = need(kernel::find_cgroup2_mount());
  root_ = std::make_unique<Cgroup>(mount + "/callgate-kernel-tests-" + std::to_string(::getpid()));
  agent_ = std::make_unique<Cgroup>(root_->path() + "/agent");
  outside_ = std::make_unique<Cgroup>(root_->path() + "/outside");
  programs_ = std::make_unique<kernel::Programs>(start_programs(pin_dir_, *agent_));
}

Machine::~Machine() {
  if (auto removed = kernel::remove_pins(pin_dir_); !removed)
    std::fprintf(stderr, "%s\n", removed.error().message.c_str());
  programs_.reset();
  ::umount2(bpffs_.c_str(), MNT_DETACH);
  ::rmdir(bpffs_.c_str());
}

std::string Machine::new_cgroup_path() {
  return root_->path() + "/workload-" + std::to_string(next_cgroup_++);
}

std::optional<Arrival> next_arrival(int listener) {
  std::optional<Arrival> arrival;
  if (!eventually([listener] { return has_arrival(listener); })) return arrival;
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  Fd fd(::accept4(listener, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_CLOEXEC));
  if (!fd) fail("accept");
  return Arrival{std::move(fd), need(from_sockaddr(storage))};
}

bool has_arrival(int listener) {
  pollfd event{listener, POLLIN, 0};
  return ::poll(&event, 1, 0) == 1 && (event.revents & POLLIN) != 0;
}

World::World(WorldOptions options)
    : previous_netns_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)), config_(options.config) {
  Machine& made = Machine::get();
  host_ = std::make_unique<NetworkNamespace>();
  host_->enter();
  // One command each: starting one is slow in an emulated machine.
  run("printf 'link add host0 type veth peer name eth0 netns " + workload_.path() +
      "\naddr add 10.77.0.1/24 dev host0\naddr add fd77::1/64 dev host0 nodad\nlink set host0 up\n' | ip "
      "-batch -");
  within(workload_, [&options] {
    run("printf 'addr add 10.77.0.2/24 dev eth0\naddr add fd77::2/64 dev eth0 nodad\nlink set eth0 up\n"
        "route add default via 10.77.0.1\nroute add ::/0 via fd77::1\n' | ip -batch -");
    if (!options.fast_open.empty()) std::ofstream("/proc/sys/net/ipv4/tcp_fastopen") << options.fast_open;
  });
  host_device_ = ::if_nametoindex("host0");
  server_v4_ = listen_on(server_v4);
  server_v6_ = listen_on(server_v6);
  cgroup_ = std::make_unique<Cgroup>(made.new_cgroup_path());

  for (int i = 0; i < options.gates; ++i) {
    gates_v4_.push_back(make_gate(kernel::Family::v4, {first_gate_port, last_gate_port}));
    gates_v6_.push_back(make_gate(kernel::Family::v6, {first_gate_port, last_gate_port}));
  }
  config_.workload = next_workload++;
  config_.gate_generation = generation;
  config_.netns_cookie = at({nullptr, &workload_, 0}, [] { return need(kernel::current_netns_cookie()); });
  for (const auto& gate : gates_v4_)
    mark(gate), config_.gate_ports_v4.push_back(gate.port);
  for (const auto& gate : gates_v6_)
    mark(gate), config_.gate_ports_v6.push_back(gate.port);
  config_.source_v4 = need(parse_address(workload_v4));
  config_.source_v6 = need(parse_address(workload_v6));
  if (options.enrol) enrol();
}

World::~World() {
  if (guarded_ && !guards().detach(host_device_)) std::fprintf(stderr, "cannot detach the device guard\n");
  if (cgroup_id_ != 0) {
    if (auto left = workloads().unenrol(cgroup_id_); !left && left.error().code != "not_enrolled")
      std::fprintf(stderr, "cannot unenrol: %s\n", left.error().message.c_str());
  }
  ::setns(previous_netns_.get(), CLONE_NEWNET);
}

void World::enrol() {
  cgroup_id_ = need(workloads().enrol(cgroup_->path(), config_));
}

void World::update() {
  need(workloads().update(cgroup_id_, config_));
}

void World::guard(bool enforce, bool open_on_loss) {
  kernel::DeviceGuardConfig guard;
  guard.workload = config_.workload;
  guard.enforce = enforce;
  guard.open_on_loss = open_on_loss;
  guard.heartbeat_slot = config_.heartbeat_slot;
  need(guards().attach(host_device_, guard));
  guarded_ = true;
}

kernel::Counters World::counters() const {
  return need(workloads().counters(cgroup_id_));
}

std::uint64_t World::count(const std::string& counter) const {
  return counters().at(counter);
}

std::uint64_t World::device_count(const std::string& counter) const {
  return need(guards().counters(host_device_)).at(counter);
}

Address World::server_address(bool v6) const {
  Address address = need(parse_address(v6 ? server_v6 : server_v4));
  address.port = server(v6).port;
  return address;
}

std::optional<Arrival> World::at_gate(bool v6) const {
  const auto& all = gates(v6 ? kernel::Family::v6 : kernel::Family::v4);
  std::optional<Arrival> arrival;
  const bool came = eventually([&] {
    for (const auto& gate : all) {
      if (!has_arrival(gate.listener.get())) continue;
      arrival = next_arrival(gate.listener.get());
      return true;
    }
    return false;
  });
  return came ? std::move(arrival) : std::nullopt;
}

bool World::gate_has_arrival() const {
  for (const auto* all : {&gates_v4_, &gates_v6_})
    for (const auto& gate : *all)
      if (has_arrival(gate.listener.get())) return true;
  return false;
}

bool World::server_has_arrival() const {
  return has_arrival(server_v4_.fd.get()) || has_arrival(server_v6_.fd.get());
}

kernel::Gate World::make_gate(kernel::Family family, kernel::PortRange range) const {
  Child helper([&](int channel) {
    agent().enter();
    auto gate = need(kernel::make_gate(family, range));
    send_value(channel, gate.port);
    send_fd(channel, gate.listener.get());
  });
  const auto port = receive_value<std::uint16_t>(helper.channel());
  Fd listener = receive_fd(helper.channel());
  helper.wait();
  return {std::move(listener), port};
}

void World::mark(const kernel::Gate& gate) const {
  need(Machine::get().programs().mark_gate(gate.listener.get(), {generation, 0}));
}

}  // namespace callgate::test
