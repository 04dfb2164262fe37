// Enrolment over time: of running programs, across restarts of the agent, when links go wrong, when cgroups
// go away.
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.hpp"
#include "kernel/agent_cgroups.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/features.hpp"
#include "kernel/pins.hpp"
#include "kernel/probe.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

std::string pin_of(const World& world, const char* program) {
  return Machine::get().programs().pin_root() + "/workloads/" + std::to_string(world.cgroup_id()) + "-" +
         std::to_string(world.config().workload) + "/" + program;
}

std::uint32_t program_of(const std::string& link_path) {
  const Fd link(::bpf_obj_get(link_path.c_str()));
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) fail("link information");
  return info.prog_id;
}

// Makes the link at `path` run the program with this id, as a faulty agent could; false if the kernel refuses
// to.
bool swap_program(const std::string& path, std::uint32_t program_id) {
  const Fd link(::bpf_obj_get(path.c_str()));
  const Fd program(::bpf_prog_get_fd_by_id(program_id));
  if (::bpf_link_update(link.get(), program.get(), nullptr) == 0) return true;
  if (errno != EINVAL) fail("link update");
  return false;
}

std::string code_of(const Result<void>& result) {
  return result ? "ok" : result.error().code;
}
std::string code_of(const Result<std::uint64_t>& result) {
  return result ? "ok" : result.error().code;
}

}  // namespace

TEST_CASE("unenrolling restores direct connections, and leaves open ones") {
  World world;
  const Address to = world.server_address(false);
  Child client([&](int channel) {
    world.inside().enter();
    const Fd fd = stream_socket(AF_INET);
    send_value(channel, try_connect(fd.get(), to));
    static_cast<void>(receive_value<char>(channel));
    send_value(channel, ::send(fd.get(), "still here", 10, MSG_NOSIGNAL) == 10);
  });
  REQUIRE(receive_value<int>(client.channel()) == 0);
  const auto arrival = world.at_gate(false);
  REQUIRE(arrival);
  need(world.workloads().unenrol(world.cgroup_id()));
  for (const bool v6 : {false, true})
    require_direct(world, plain_attempt(world.inside(), world.server_address(v6)), v6);
  CHECK(need(world.workloads().list()).empty());
  send_value(client.channel(), 'x');
  CHECK(receive_value<bool>(client.channel()));
  client.wait();
  char text[10]{};
  CHECK(::recv(arrival->fd.get(), text, sizeof(text), MSG_WAITALL) == 10);
  // Enrolled again it starts anew.
  world.enrol();
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
}

TEST_CASE(
    "a program that is already running is redirected from its next connection on, and keeps the one it has") {
  World world({.enrol = false});
  const Address to = world.server_address(false);
  Child client([&](int channel) {
    world.inside().enter();
    const Fd first = stream_socket(AF_INET);
    send_value(channel, look(first.get(), try_connect(first.get(), to)));
    static_cast<void>(receive_value<char>(channel));
    send_value(channel, ::send(first.get(), "direct", 6, MSG_NOSIGNAL) == 6);
    const Fd second = stream_socket(AF_INET);
    send_value(channel, look(second.get(), try_connect(second.get(), to)));
    static_cast<void>(receive_value<char>(channel));
  });
  REQUIRE(receive_value<Attempt>(client.channel()).error == 0);
  const auto direct = next_arrival(world.server(false).fd.get());
  REQUIRE(direct);
  world.enrol();
  send_value(client.channel(), 'x');
  CHECK(receive_value<bool>(client.channel()));
  char text[6]{};
  CHECK(::recv(direct->fd.get(), text, sizeof(text), MSG_WAITALL) == 6);
  static_cast<void>(require_redirected(world, receive_value<Attempt>(client.channel()), to, false));
  send_value(client.channel(), 'x');
  client.wait();
}

TEST_CASE("cgroups below an enrolled one belong to it") {
  const World world;
  const Cgroup below(world.cgroup().path() + "/below");
  const Address to = world.server_address(false);
  static_cast<void>(require_redirected(world, plain_attempt({&below, &world.netns(), 0}, to), to, false));
}

TEST_CASE("when the agent is gone its workloads are still enrolled, and refused") {
  World world({.enrol = false});
  Child agent([&](int) {
    const kernel::Programs programs = start_programs(Machine::get().pin_dir(), Machine::get().agent());
    need(kernel::Workloads(programs).enrol(world.cgroup().path(), world.config()));
    // Ends without tidying up, like a killed agent; its gates end with it.
  });
  agent.wait();
  for (const auto family : {kernel::Family::v4, kernel::Family::v6})
    world.gates(family).front().listener.reset();
  for (const bool v6 : {false, true})
    CHECK(plain_attempt(world.inside(), world.server_address(v6)).error == ECONNREFUSED);
  CHECK_FALSE(world.server_has_arrival());
  const auto left = need(world.workloads().list());
  REQUIRE(left.size() == 1);
  CHECK(left.front().config == world.config());
  CHECK(left.front().cgroup_path == world.cgroup().path());
  need(world.workloads().unenrol(left.front().cgroup_id));
}

TEST_CASE("a restarted agent takes over its workloads, and live connections keep their masks") {
  World world;
  const Address to = world.server_address(false);
  Child client([&](int channel) {
    world.inside().enter();
    const Fd fd = stream_socket(AF_INET);
    send_value(channel, look(fd.get(), try_connect(fd.get(), to)));
    static_cast<void>(receive_value<char>(channel));
    send_value(channel, look(fd.get(), 0));
  });
  static_cast<void>(require_redirected(world, receive_value<Attempt>(client.channel()), to, false));
  const auto older = program_of(pin_of(world, "connect_v4"));
  const kernel::Programs restarted = start_programs(Machine::get().pin_dir(), Machine::get().agent());
  const kernel::Workloads workloads(restarted);
  need(workloads.reopen(world.cgroup_id()));
  CHECK(program_of(pin_of(world, "connect_v4")) != older);
  need(workloads.self_test(world.cgroup_id()));
  CHECK(code_of(world.workloads().self_test(world.cgroup_id())) == "self_test_failed");

  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
  send_value(client.channel(), 'x');
  CHECK(std::string(receive_value<Attempt>(client.channel()).peer) == to_string(to));
  client.wait();
  need(world.workloads().reopen(world.cgroup_id()));
}

TEST_CASE("a link that runs a program of another kind is found by the self-test and repaired") {
  World world;
  const Address to = world.server_address(false);
  need(world.workloads().self_test(world.cgroup_id()));
  if (!swap_program(pin_of(world, "connect_v4"), program_of(pin_of(world, "connect_v6")))) {
    not_run("a link that runs a program of another kind is found by the self-test and repaired",
            "this kernel refuses such an update");
    return;
  }
  // What makes it dangerous: nothing fails, and connections leave the workload. (To where depends on what
  // lies beside the IPv4 address that this program takes for an IPv6 one: to the server, or to the gate's
  // port on the server's host.)
  const Fd leak = stream_socket(AF_INET, SOCK_NONBLOCK);
  bind_to(leak.get(),
          std::string(server_v4) + ":" + std::to_string(world.gates(kernel::Family::v6).front().port));
  REQUIRE(::listen(leak.get(), 8) == 0);
  world.config().enforce = false;
  world.update();
  CHECK(plain_attempt(world.inside(), to).error == 0);
  const int server = world.server(false).fd.get();
  CHECK(eventually([&] { return has_arrival(leak.get()) || has_arrival(server); }));
  if (has_arrival(server)) static_cast<void>(next_arrival(server));
  CHECK_FALSE(world.gate_has_arrival());
  world.config().enforce = true;
  world.update();
  CHECK(code_of(world.workloads().self_test(world.cgroup_id())) == "self_test_failed");
  need(world.workloads().reopen(world.cgroup_id()));
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
}

TEST_CASE("a link whose program has other maps is found by the self-test and replaced") {
  World world;
  const Address to = world.server_address(false);
  const std::string elsewhere = Machine::get().pin_dir() + "-other";
  {
    const Cgroup agent(Machine::get().cgroup_root() + "/other-agent");
    World stranger({.enrol = false});
    const kernel::Programs other = start_programs(elsewhere, agent);
    const kernel::Workloads workloads(other);
    const std::uint64_t id = need(workloads.enrol(stranger.cgroup().path(), stranger.config()));
    const std::string pin = other.pin_root() + "/workloads/" + std::to_string(id) + "-" +
                            std::to_string(stranger.config().workload) + "/connect_v4";
    const bool swapped = swap_program(pin_of(world, "connect_v4"), program_of(pin));
    need(workloads.unenrol(id));
    if (swapped) {
      CHECK(code_of(world.workloads().self_test(world.cgroup_id())) == "self_test_failed");
      need(world.workloads().reopen(world.cgroup_id()));
    } else {
      not_run("a link whose program has other maps is found by the self-test and replaced",
              "this kernel refuses such an update");
    }
    static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
  }
  need(kernel::remove_pins(elsewhere));
}

TEST_CASE(
    "an agent that finds other maps pinned enrols its workloads anew, without a direct connection in "
    "between") {
  const std::string pins = Machine::get().pin_dir() + "-lost";
  {
    const Cgroup agent(Machine::get().cgroup_root() + "/losing-agent");
    World world({.enrol = false});
    const Address to = world.server_address(false);
    auto programs = std::make_unique<kernel::Programs>(start_programs(pins, agent));
    const std::uint64_t id = need(kernel::Workloads(*programs).enrol(world.cgroup().path(), world.config()));
    std::filesystem::remove_all(programs->pin_root() + "/maps");
    programs = std::make_unique<kernel::Programs>(start_programs(pins, agent));
    const kernel::Workloads workloads(*programs);
    CHECK(code_of(workloads.reopen(id)) == "maps_replaced");
    // The older links are still there, and refuse: their maps know no gate.
    CHECK(plain_attempt(world.inside(), to).error == ECONNREFUSED);
    need(workloads.enrol(world.cgroup().path(), world.config()));

    Child helper([&](int channel) {
      Place{&agent, &world.netns(), 0}.enter();
      const kernel::Gate gate = need(kernel::make_gate(kernel::Family::v4, {16000, 16010}));
      send_value(channel, gate.port);
      send_fd(channel, gate.listener.get());
    });
    auto config = world.config();
    config.gate_ports_v4 = {receive_value<std::uint16_t>(helper.channel())};
    const Fd gate = receive_fd(helper.channel());
    helper.wait();
    need(programs->mark_gate(gate.get(), {generation, 0}));
    need(workloads.update(id, config));
    CHECK(plain_attempt(world.inside(), to).error == 0);
    const auto arrival = next_arrival(gate.get());
    REQUIRE(arrival);
    CHECK(need(kernel::read_flow(arrival->fd.get())).destination == to);
    CHECK_FALSE(world.server_has_arrival());
    need(workloads.unenrol(id));
    require_direct(world, plain_attempt(world.inside(), to), false);
  }
  need(kernel::remove_pins(pins));
}

TEST_CASE("a lost link is attached anew") {
  World world;
  const Address to = world.server_address(false);
  const Fd link(::bpf_obj_get(pin_of(world, "connect_v4").c_str()));
  REQUIRE(::bpf_link_detach(link.get()) == 0);
  CHECK(code_of(world.workloads().self_test(world.cgroup_id())) == "self_test_failed");
  REQUIRE(::unlink(pin_of(world, "peer_name_v4").c_str()) == 0);
  need(world.workloads().reopen(world.cgroup_id()));
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
}

TEST_CASE("a removed cgroup leaves only pins, which are listed and removed") {
  Machine& machine = Machine::get();
  World world({.enrol = false});
  const std::string path = machine.new_cgroup_path();
  auto cgroup = std::make_unique<Cgroup>(path);
  const std::uint64_t id = need(world.workloads().enrol(path, world.config()));
  cgroup.reset();
  const auto listed = need(world.workloads().list());
  REQUIRE(listed.size() == 1);
  CHECK(listed.front().cgroup_id == id);
  CHECK_FALSE(listed.front().cgroup_path.has_value());
  CHECK(code_of(world.workloads().reopen(id)) == "no_cgroup");
  need(world.workloads().unenrol(id));
  CHECK(need(world.workloads().list()).empty());
  // A new cgroup of the same name is not enrolled.
  const Cgroup again(path);
  require_direct(world, plain_attempt({&again, &world.netns(), 0}, world.server_address(false)), false);
}

TEST_CASE("cgroups that cannot be workloads are refused") {
  const World world;
  const kernel::Workloads workloads = world.workloads();
  auto config = world.config();
  config.workload = 9999;
  const std::string mount = Machine::get().programs().cgroup_mount();
  CHECK(code_of(workloads.enrol(mount, config)) == "root_cgroup");
  CHECK(code_of(workloads.enrol(Machine::get().cgroup_root(), config)) == "agent_cgroup");
  CHECK(code_of(workloads.enrol(Machine::get().agent().path(), config)) == "agent_cgroup");
  CHECK(code_of(workloads.enrol("/tmp", config)) == "not_cgroup2");
  CHECK(code_of(workloads.enrol(mount + "/nowhere", config)) == "no_cgroup");
  const Cgroup below(world.cgroup().path() + "/below");
  CHECK(code_of(workloads.enrol(below.path(), config)) == "nested_enrolment");
  CHECK(code_of(workloads.enrol(world.cgroup().path(), config)) == "workload_exists");
  CHECK(code_of(workloads.enrol(Machine::get().outside().path(), world.config())) == "workload_exists");
  // Enrolling the same again is fine: how an agent finishes what it died in.
  CHECK(code_of(workloads.enrol(world.cgroup().path(), world.config())) == "ok");
  config.workload = 0;
  CHECK(code_of(workloads.enrol(Machine::get().outside().path(), config)) == "bad_workload_config");
}

TEST_CASE("a pinned map of another layout is refused by name") {
  const std::string elsewhere = Machine::get().pin_dir() + "-layout";
  std::filesystem::create_directories(elsewhere + "/v1/maps");
  const Fd map(::bpf_map_create(BPF_MAP_TYPE_HASH, "agent_cgroups", 4, 4, 8, nullptr));
  const std::string path = elsewhere + "/v1/maps/agent_cgroups";
  REQUIRE(::bpf_obj_pin(map.get(), path.c_str()) == 0);
  auto opened = need(kernel::open_programs({elsewhere, ""}));
  const auto loaded = std::move(opened).load();
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == "pinned_layout");
  CHECK(loaded.error().message.find(path) != std::string::npos);
  std::filesystem::remove_all(elsewhere);
}

TEST_CASE("pins outside a bpf filesystem are refused") {
  const auto opened = kernel::open_programs({"/tmp/callgate-no-bpffs", ""});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == "not_bpffs");
}

TEST_CASE("cgroups of agents are a set that forgets those that are gone") {
  const kernel::AgentCgroups cgroups(Machine::get().programs());
  const std::uint64_t own = Machine::get().programs().gates_cgroup_id();
  need(cgroups.add(123456789));
  CHECK(need(cgroups.list()).size() == 2);
  need(cgroups.remove_dead());
  CHECK(need(cgroups.list()) == std::vector<std::uint64_t>{own});
}

TEST_CASE("a trial connection shows that the programs redirect, and that they do not without a gate") {
  const World world({.enrol = false});
  for (const auto family : {kernel::Family::v4, kernel::Family::v6}) {
    const Cgroup empty(Machine::get().new_cgroup_path());
    const kernel::Programs& programs = Machine::get().programs();
    // The trial is made where its gate is: here, in the workload's namespace.
    within(world.netns(), [&] {
      need(kernel::probe_redirect(programs, world.gates(family).front(), family, empty.path()));
      CHECK(need(world.workloads().list()).empty());
      // A gate that another cgroup made gets no flow.
      const kernel::Gate stranger = need(kernel::make_gate(family, {16000, 16010}));
      CHECK(code_of(kernel::probe_redirect(programs, stranger, family, empty.path())) == "probe_failed");
      CHECK(need(world.workloads().list()).empty());
    });
  }
}

TEST_CASE("this kernel has every feature that the programs require") {
  for (const auto& feature : kernel::probe_features(Machine::get().pin_dir())) {
    INFO(feature.name << ": " << feature.cure);
    CHECK((feature.present || !feature.required));
    CHECK_FALSE(feature.why.empty());
  }
  const auto elsewhere = kernel::probe_features("/tmp/no-bpffs");
  CHECK(
      std::any_of(elsewhere.begin(), elsewhere.end(), [](const auto& feature) { return !feature.present; }));
}
