// Holds deploy/callgate.yaml to the code: it must say every key, and the defaults that the code has.
#include <cctype>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "config/config.hpp"

using namespace callgate;

namespace {

std::string example() {
  return read_file(CALLGATE_EXAMPLE).value();
}

// The example with its options in force: "#key: value" is one, "# Words" are not.
std::string uncommented() {
  std::istringstream lines(example());
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const auto mark = line.find_first_not_of(' ');
    if (mark != std::string::npos && line[mark] == '#' && mark + 1 < line.size() && line[mark + 1] != ' ') {
      line.erase(mark, 1);
    }
    result += line + "\n";
  }
  return result;
}

auto fields(const config::Config& c) {
  return std::tuple_cat(
      std::tie(c.state_dir, c.run_dir, c.pin_dir, c.cgroup_root, c.policies_dir, c.default_mode, c.log_level),
      std::tie(c.control.socket, c.control.group, c.control.admins, c.control.auditors, c.control.viewers,
               c.run.users, c.identities),
      std::tie(c.identity.trust_domain, c.identity.svid_ttl),
      std::tie(c.workload.on_agent_loss, c.workload.refuse_mptcp, c.workload.refuse_sctp,
               c.workload.refuse_raw, c.workload.refuse_udp443, c.workload.device_guard,
               c.workload.pending_flows),
      std::tie(c.gates.first_port, c.gates.last_port, c.proxy.user, c.proxy.threads, c.proxy.binary),
      std::tie(c.limits.head, c.limits.fields, c.limits.request_body, c.limits.response_body,
               c.limits.connections, c.limits.connections_per_workload, c.limits.pool_idle),
      std::tie(c.timeouts.detect, c.timeouts.head, c.timeouts.idle, c.timeouts.body, c.timeouts.connect,
               c.timeouts.response, c.timeouts.stream, c.timeouts.record, c.timeouts.drain,
               c.timeouts.pool_idle, c.timeouts.tunnel_idle),
      std::tie(c.rings.size, c.record.payload_limit, c.record.segment_size, c.record.sync_interval,
               c.tls.system_roots, c.tls.proof, c.log_calls),
      std::tie(c.record.key_file, c.record.key_command, c.record.retain, c.record.payload_size,
               c.record.epoch, c.record.checkpoint_file, c.record.checkpoint_syslog, c.record.log_name));
}

std::string all_findings(const config::Loaded& loaded) {
  std::string text;
  for (const auto& finding : loaded.findings)
    text += config::format_finding(finding) + "\n";
  return text;
}

}  // namespace

TEST_CASE("the example as it is stored is the default configuration") {
  const auto loaded = config::parse_config(example(), "callgate.yaml");
  INFO(all_findings(loaded));
  REQUIRE(loaded.findings.empty());
  CHECK(fields(loaded.config) == fields(config::Config{}));
}

TEST_CASE("the example says the defaults that the code has") {
  const auto loaded = config::parse_config(uncommented(), "callgate.yaml");
  INFO(all_findings(loaded));
  REQUIRE(loaded.findings.empty());
  CHECK(fields(loaded.config) == fields(config::Config{}));
}

TEST_CASE("the comparison notices another value") {
  config::Config changed;
  changed.timeouts.stream += std::chrono::milliseconds(1);
  CHECK(fields(changed) != fields(config::Config{}));
}

TEST_CASE("the example mentions every key") {
  // Sections and keys in the order of the text: "section.key" of each line that sets something.
  std::istringstream lines(uncommented());
  std::string section;
  std::string mentioned = "\n";
  for (std::string line; std::getline(lines, line);) {
    const auto start = line.find_first_not_of(' ');
    const auto colon = line.find(':');
    if (start == std::string::npos || line[start] == '#' || colon == std::string::npos) continue;
    const auto key = line.substr(start, colon - start);
    if (start == 0) section = key;
    mentioned += (start == 0 ? key : section + "." + key) + "\n";
  }
  const auto keys = config::known_keys();
  CHECK(keys.size() > 40);
  for (const auto& key : keys) {
    INFO(key);
    CHECK(mentioned.find("\n" + key + "\n") != std::string::npos);
  }
}
