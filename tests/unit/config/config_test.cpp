#include "config/config.hpp"

#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace callgate;
using config::Finding;
using config::Loaded;
using config::parse_config;
using namespace std::chrono_literals;

namespace {

Loaded parse(std::string_view text) {
  return parse_config(text, "c.yaml");
}

std::string all_findings(const Loaded& loaded) {
  std::string text;
  for (const auto& finding : loaded.findings)
    text += config::format_finding(finding) + "\n";
  return text;
}

// The one finding of a text; "line:column message".
std::string only(std::string_view text) {
  const auto loaded = parse(text);
  INFO(all_findings(loaded));
  REQUIRE(loaded.findings.size() == 1);
  const auto& finding = loaded.findings[0];
  return fmt::format("{}:{} {}", finding.line, finding.column, finding.message);
}

std::string hint_of(std::string_view text) {
  const auto loaded = parse(text);
  REQUIRE(loaded.findings.size() == 1);
  return loaded.findings[0].hint;
}

}  // namespace

TEST_CASE("an empty text is the default configuration") {
  for (const std::string_view text : {"", "\n", "# nothing\n", "---\n", "control:\nrun:\nlimits: {}\n"}) {
    const auto loaded = parse(text);
    INFO(text);
    CHECK(loaded.findings.empty());
    CHECK(loaded.config.state_dir == "/var/lib/callgate");
    CHECK(loaded.config.control.socket == "/run/callgate/control.sock");
  }
}

TEST_CASE("every kind of value is read") {
  const auto loaded = parse(R"(state_dir: /a/state
run_dir: /a/run
pin_dir: /sys/fs/bpf/a
cgroup_root: /sys/fs/cgroup/a
policies_dir: /a/policies
default_mode: enforce
control: {group: callgate, admins: [alice, 1000, "group:ops"], auditors: ["group:4711"], viewers: [carol]}
run: {users: ["*"]}
identities:
  - id: spiffe://prod.example/pay/api
    users: [bob, "*", "group:pay"]
identity: {trust_domain: prod.example, svid_ttl: 90m}
workload: {on_agent_loss: open, refuse: [sctp], udp443: pass, device_guard: never, pending_flows: 100}
gates: {ports: 20000-20009}
proxy: {user: "1:2", threads: 3, binary: /opt/callgate-proxy}
limits: {head: 8KiB, fields: 10, request_body: 0, response_body: 2GiB, connections: 5, connections_per_workload: 4, pool_idle: 0}
timeouts: {detect: 12ms, head: 11ms, idle: 2h, body: 1s, connect: 2s, response: 3s, stream: 4s, record: 5s, drain: 6s, pool_idle: 7s}
rings: {size: 64KiB}
record:
  {payload_limit: 0, segment_size: 1MiB, sync_interval: 1ms, key_command: [/opt/keys, "", "a b"], retain: 36500d, payload_size: 1PiB,
   epoch: 1m, checkpoint_file: /mnt/checkpoints, checkpoint_syslog: true, log_name: "prod.example/node-7"}
tls: {system_roots: /a/roots.pem, proof: 8s}
log: {level: debug, calls: 7}
)");
  INFO(all_findings(loaded));
  REQUIRE(loaded.findings.empty());
  const auto& c = loaded.config;
  CHECK(c.state_dir == "/a/state");
  CHECK(c.run_dir == "/a/run");
  CHECK(c.pin_dir == "/sys/fs/bpf/a");
  CHECK(c.cgroup_root == "/sys/fs/cgroup/a");
  CHECK(c.policies_dir == "/a/policies");
  CHECK(c.default_mode == config::Mode::enforce);
  CHECK(c.control.socket == "/a/run/control.sock");
  CHECK(c.control.group == "callgate");
  CHECK(c.control.admins == std::vector<std::string>{"alice", "1000", "group:ops"});
  CHECK(c.control.auditors == std::vector<std::string>{"group:4711"});
  CHECK(c.control.viewers == std::vector<std::string>{"carol"});
  CHECK(c.run.users == std::vector<std::string>{"*"});
  CHECK(c.identities ==
        std::vector<config::IdentityGrant>{{"spiffe://prod.example/pay/api", {"bob", "*", "group:pay"}}});
  CHECK(c.identity.trust_domain == "prod.example");
  CHECK(c.identity.svid_ttl == 90min);
  CHECK(c.workload.on_agent_loss == config::OnAgentLoss::open);
  CHECK_FALSE(c.workload.refuse_mptcp);
  CHECK(c.workload.refuse_sctp);
  CHECK_FALSE(c.workload.refuse_raw);
  CHECK_FALSE(c.workload.refuse_udp443);
  CHECK(c.workload.device_guard == config::DeviceGuard::never);
  CHECK(c.workload.pending_flows == 100);
  CHECK(c.gates.first_port == 20000);
  CHECK(c.gates.last_port == 20009);
  CHECK(c.proxy.user == "1:2");
  CHECK(c.proxy.threads == 3);
  CHECK(c.proxy.binary == "/opt/callgate-proxy");
  CHECK(c.limits.head == 8192);
  CHECK(c.limits.fields == 10);
  CHECK(c.limits.request_body == 0);
  CHECK(c.limits.response_body == 2ULL << 30U);
  CHECK(c.limits.connections == 5);
  CHECK(c.limits.connections_per_workload == 4);
  CHECK(c.limits.pool_idle == 0);
  CHECK(c.timeouts.detect == 12ms);
  CHECK(c.timeouts.head == 11ms);
  CHECK(c.timeouts.idle == 2h);
  CHECK(c.timeouts.body == 1s);
  CHECK(c.timeouts.connect == 2s);
  CHECK(c.timeouts.response == 3s);
  CHECK(c.timeouts.stream == 4s);
  CHECK(c.timeouts.record == 5s);
  CHECK(c.timeouts.drain == 6s);
  CHECK(c.timeouts.pool_idle == 7s);
  CHECK(c.rings.size == 65536);
  CHECK(c.record.payload_limit == 0);
  CHECK(c.record.segment_size == 1U << 20U);
  CHECK(c.record.sync_interval == 1ms);
  CHECK(c.record.key_file.empty());
  CHECK(c.record.key_command == std::vector<std::string>{"/opt/keys", "", "a b"});
  CHECK(c.record.retain == 876'000h);
  CHECK(c.record.payload_size == 1ULL << 50U);
  CHECK(c.record.epoch == 1min);
  CHECK(c.record.checkpoint_file == "/mnt/checkpoints");
  CHECK(c.record.checkpoint_syslog);
  CHECK(c.record.log_name == "prod.example/node-7");
  CHECK(c.tls.system_roots == "/a/roots.pem");
  CHECK(c.tls.proof == 8s);
  CHECK(c.log_calls == 7);
  CHECK(c.log_level == LogLevel::debug);
}

TEST_CASE("unknown keys are named with their place and the nearest known one") {
  CHECK(only("state_dri: /x\n") == "1:1 unknown key `state_dri`");
  CHECK(hint_of("state_dri: /x\n") == "did you mean `state_dir`?");
  CHECK(only("limits:\n  hedd: 1KiB\n") == "2:3 unknown key `hedd` in `limits`");
  CHECK(hint_of("limits:\n  hedd: 1KiB\n") == "did you mean `head`?");
  CHECK(hint_of("system_roots: /x\n") == "`system_roots` stands in the section `tls`");
  CHECK(hint_of("limits: {default_mode: observe}\n") == "`default_mode` stands at the top level");
  CHECK(hint_of("completely_different: 1\n").empty());
}

TEST_CASE("keys given twice are refused") {
  CHECK(only("run_dir: /a\nrun_dir: /b\n") == "2:1 `run_dir` is given twice");
  CHECK(only("log: {level: info, level: info}\n") == "1:20 `log.level` is given twice");
  CHECK(only("log: {}\nlog: {}\n") == "2:1 `log` is given twice");
}

TEST_CASE("values of the wrong kind are refused at their place") {
  CHECK(only("- a\n") == "1:1 a configuration is a map of keys and values, not a list");
  CHECK(only("run_dir: [/a]\n") == "1:10 `run_dir` must be a single value, not a list");
  CHECK(only("run_dir:\n") == "1:1 `run_dir` has no value");
  CHECK(only("run_dir: ~\n") == "1:1 `run_dir` has no value");
  CHECK(only("limits: 3\n") == "1:9 `limits` must be a map of keys and values, not a single value");
  CHECK(only("run: {users: alice}\n") == "1:14 `run.users` must be a list, not a single value");
  CHECK(only("run: {users: [[alice]]}\n") == "1:15 `run.users` must be a single value, not a list");
  CHECK(only("[a]: 1\n") == "1:1 a key must be a name, not a list");
}

TEST_CASE("units and ranges are checked") {
  CHECK(only("timeouts: {head: 30}\n") ==
        "1:18 `timeouts.head` needs a unit: a duration such as 500ms, 30s, 10m or 1h");
  CHECK(only("timeouts: {head: 30 s}\n").find("has the unknown unit ` s`") != std::string::npos);
  CHECK(only("timeouts: {head: 1ms}\n") == "1:18 `timeouts.head` must be between 10ms and 1d");
  CHECK(only("timeouts: {head: 99999999999999999999s}\n") == "1:18 `timeouts.head` is too large");
  CHECK(only("timeouts: {head: -1s}\n").find("must be a duration") != std::string::npos);
  CHECK(only("limits: {head: 64KB}\n").find("has the unknown unit `KB`") != std::string::npos);
  CHECK(only("limits: {head: 1B}\n") == "1:16 `limits.head` must be between 1KiB and 1MiB");
  CHECK(only("limits: {fields: many}\n") == "1:18 `limits.fields` must be a whole number");
  CHECK(only("limits: {fields: 1e3}\n") == "1:18 `limits.fields` must be a whole number");
  CHECK(only("limits: {fields: 0}\n") == "1:18 `limits.fields` must be between 8 and 4096");
  CHECK(only("rings: {size: 3MiB}\n") == "1:15 `rings.size` must be a power of two");
  CHECK(only("rings: {size: 256KiB}\n") ==
        "1:15 `rings.size` must be at least 8 times `limits.head`: 512KiB or more for heads of 64KiB");
  CHECK(only("limits: {head: 1MiB}\nrings: {size: 4MiB}\n").find("2:15 ") == 0);
  CHECK(parse("limits: {head: 1MiB}\n").findings.empty());
  for (const auto* ports : {"1-2", "70000-70001", "3000-2000", "x", "61000-", "-", "61000-62000-63000"}) {
    CHECK(only(fmt::format("gates: {{ports: {}}}\n", ports)).find("1:16 `gates.ports` must be a range") == 0);
  }
  CHECK(parse("gates: {ports: 61000}\n").findings.empty());
}

TEST_CASE("choices name what there is") {
  CHECK(only("default_mode: enforced\n") == "1:15 `default_mode` must be one of: observe, enforce");
  CHECK(hint_of("default_mode: enforced\n") == "did you mean `enforce`?");
  CHECK(only("workload: {refuse: [udp]}\n") == "1:21 `workload.refuse` may hold: mptcp, sctp, raw");
  CHECK(only("workload: {refuse: [raw, raw]}\n") == "1:26 `workload.refuse` holds `raw` twice");
}

TEST_CASE("paths are absolute and plain") {
  CHECK(only("state_dir: var\n") == "1:12 `state_dir` must be an absolute path");
  CHECK(only("state_dir: \"\"\n") == "1:12 `state_dir` must be an absolute path");
  CHECK(only("state_dir: /a/../b\n") == "1:12 `state_dir` must not hold `.` or `..`");
  CHECK(only("state_dir: /a/\n") == "1:12 `state_dir` must not end in a slash");
  CHECK(only("state_dir: //a\n") == "1:12 `state_dir` must not hold empty parts (`//`)");
  CHECK(only("state_dir: \"/a\\nb\"\n") == "1:12 `state_dir` must not hold control characters");
}

TEST_CASE("directories must be apart") {
  CHECK(only("run_dir: /a\nstate_dir: /a\n") ==
        "1:10 `run_dir` and `state_dir` must be apart: neither may lie in the other");
  CHECK(only("run_dir: /var/lib/callgate/run\n").find("1:10 `run_dir` and `state_dir`") == 0);
  CHECK(only("state_dir: /run\n").find("1:12 `run_dir` and `state_dir`") == 0);
  CHECK(parse("run_dir: /var/lib/callgate-run\n").findings.empty());
}

TEST_CASE("the control socket must fit into a socket address") {
  CHECK(only("run_dir: /" + std::string(100, 'r') + "\n")
            .find("1:10 the path of the control socket has 114 bytes") == 0);
  CHECK(parse("run_dir: /" + std::string(93, 'r') + "\n").findings.empty());
  CHECK(only("control: {socket: /" + std::string(107, 's') + "}\n").find("1:19 the path") == 0);
}

TEST_CASE("the proxy cannot run as root") {
  for (const auto* user : {"root", "0:1", "1:0", "00:5"}) {
    CHECK(only(fmt::format("proxy: {{user: \"{}\"}}\n", user)).find("1:15 `proxy.user` must not be root") ==
          0);
  }
  for (const auto* user : {"1000", "a:b", "4294967295:1", ":", "1:2:3"}) {
    CHECK(only(fmt::format("proxy: {{user: \"{}\"}}\n", user)).find("must be a user name, or") !=
          std::string::npos);
  }
  CHECK(parse("proxy: {user: callgate-proxy}\n").findings.empty());
}

TEST_CASE("users are accounts, and administrators are named") {
  for (const auto* key : {"admins", "viewers", "auditors"}) {
    const auto text = fmt::format("control: {{{}: [\"*\"]}}\n", key);
    CHECK(only(text).find(fmt::format("`control.{}` cannot be everybody", key)) != std::string::npos);
    CHECK(hint_of(text).find("`group:NAME`") != std::string::npos);
  }
  for (const auto* group : {"group:", "group:*", "group:a b", "group:4294967295", "group:group:a", "Group:a"})
    CHECK(only(fmt::format("run: {{users: [\"{}\"]}}\n", group)).find("1:15 `run.users` holds") == 0);
  CHECK(parse("run: {users: [\"group:staff\", \"group:0\"]}\n").findings.empty());
  CHECK(only("run: {users: [\"a:b\"]}\n").find("holds `a:b`, which cannot be the name") != std::string::npos);
  CHECK(only("run: {users: [\"4294967295\"]}\n").find("no uid or gid") != std::string::npos);
  CHECK(only("run: {users: [\"\"]}\n").find("cannot be the name") != std::string::npos);
}

TEST_CASE("keys of payload come from a file or a command") {
  CHECK(parse("record: {key_file: /a/keys}\n").config.record.key_file == "/a/keys");
  CHECK(only("record: {key_file: keys}\n") == "1:20 `record.key_file` must be an absolute path");
  CHECK(only("record: {key_file: /a/keys, key_command: [/b]}\n") ==
        "1:42 `record.key_file` and `record.key_command` are both given");
  CHECK(parse("record: {key_file: \"\", key_command: [/b]}\n").findings.empty());
  CHECK(parse("record: {key_file: /a/keys, key_command: []}\n").findings.empty());
}

TEST_CASE("a command is a list of words that begins with the path of a program") {
  CHECK(only("record: {key_command: /b}\n") ==
        "1:23 `record.key_command` must be a list, not a single value");
  CHECK(hint_of("record: {key_command: /b}\n") == "write [value] or one \"- value\" a line");
  CHECK(only("record: {key_command: [curl, x]}\n") ==
        "1:24 `record.key_command` must begin with a program, whose name must be an absolute path");
  CHECK(only("record: {key_command: [\"\"]}\n").find("1:24 `record.key_command` must begin with") == 0);
  CHECK(only("record: {key_command: [/b, [c]]}\n") ==
        "1:28 `record.key_command` must be a single value, not a list");
  CHECK(only("record: {key_command: [/b, ~]}\n") == "1:28 `record.key_command` has no value");
  CHECK(only("record: {key_command: [/b, \"c\\0d\"]}\n") ==
        "1:28 `record.key_command` holds a word with a zero byte");
  const auto with_word = [](std::size_t size) {
    return fmt::format("record: {{key_command: [/b, {}]}}\n", std::string(size, 'c'));
  };
  CHECK(parse(with_word(4096)).findings.empty());
  CHECK(only(with_word(4097)) == "1:28 `record.key_command` holds a word of more than 4096 bytes");
  const auto with_words = [](std::size_t count) {
    std::string text = "record: {key_command: [/b";
    for (std::size_t word = 1; word < count; ++word)
      text += ", c";
    return text + "]}\n";
  };
  CHECK(parse(with_words(64)).config.record.key_command.size() == 64);
  CHECK(only(with_words(65)) == "1:23 `record.key_command` has more than 64 words");
}

TEST_CASE("what keeps evidence has bounds, and keeping nothing is not one of them") {
  for (const auto* zero : {"0", "0s", "0d"}) {
    CHECK(only(fmt::format("record: {{retain: {}}}\n", zero)) ==
          "1:18 `record.retain` cannot be 0: records would be removed as they are written");
  }
  CHECK(hint_of("record: {retain: 0}\n").find("36500d") != std::string::npos);
  CHECK(only("record: {retain: 59m}\n") == "1:18 `record.retain` must be between 1h and 36500d");
  CHECK(only("record: {retain: 36501d}\n") == "1:18 `record.retain` is too large");
  CHECK(only("record: {retain: [90d]}\n") == "1:18 `record.retain` must be a single value, not a list");
  CHECK(only("record: {retain: for ever}\n").find("must be a duration") != std::string::npos);
  CHECK(parse("record: {retain: 1h}\n").config.record.retain == 1h);
  CHECK(only("record: {payload_size: 63MiB}\n") ==
        "1:24 `record.payload_size` must be between 64MiB and 1PiB");
  CHECK(only("record: {payload_size: 2PiB}\n") == "1:24 `record.payload_size` is too large");
  CHECK(parse("record: {payload_size: 64MiB}\n").config.record.payload_size == 64ULL << 20U);
  CHECK(only("record: {epoch: 59s}\n") == "1:17 `record.epoch` must be between 1m and 30d");
  CHECK(only("record: {epoch: 31d}\n") == "1:17 `record.epoch` must be between 1m and 30d");
  CHECK(parse("record: {epoch: 30d}\n").config.record.epoch == 720h);
}

TEST_CASE("where checkpoints go is a path and a yes or no") {
  CHECK(only("record: {checkpoint_file: c}\n") == "1:27 `record.checkpoint_file` must be an absolute path");
  for (const auto* word : {"yes", "on", "1", "True", "\"\""}) {
    CHECK(only(fmt::format("record: {{checkpoint_syslog: {}}}\n", word)) ==
          "1:29 `record.checkpoint_syslog` must be one of: true, false");
  }
  CHECK(hint_of("record: {checkpoint_syslog: ture}\n") == "did you mean `true`?");
  CHECK_FALSE(parse("record: {checkpoint_syslog: false}\n").config.record.checkpoint_syslog);
}

TEST_CASE("a log's name fits into signed notes") {
  for (const auto* name : {"a b", "a+b", "a\\tb", "a\\nb", "é", "a\\u00a0b"}) {
    CHECK(only(fmt::format("record: {{log_name: \"{}\"}}\n", name)) ==
          "1:20 `record.log_name` must be 1 to 200 visible ASCII characters, without spaces and `+`");
  }
  CHECK(only("record: {log_name: " + std::string(201, 'n') + "}\n").find("1 to 200") != std::string::npos);
  CHECK(parse("record: {log_name: " + std::string(200, 'n') + "}\n").findings.empty());
  CHECK(parse("record: {log_name: \"\"}\n").findings.empty());
}

TEST_CASE("granted identities are SPIFFE IDs of the own trust domain, each once") {
  CHECK(only("identities: [{id: spiffe://other/x, users: [a]}]\n") ==
        "1:19 `identities.id` is outside of this agent's trust domain `callgate.local`");
  CHECK(only("identities: [{id: x, users: [a]}]\n").find("must be a SPIFFE ID") != std::string::npos);
  CHECK(only("identities: [{id: spiffe://callgate.local, users: [a]}]\n").find("with a path") !=
        std::string::npos);
  CHECK(only("identities: [{id: spiffe://callgate.local/a//b, users: [a]}]\n").find("has a path") !=
        std::string::npos);
  CHECK(only("identities: [{id: spiffe://callgate.local/a/, users: [a]}]\n").find("has a path") !=
        std::string::npos);
  CHECK(only("identities: [{users: [a]}]\n") == "1:14 `identities.id` is missing");
  CHECK(only("identities: [{id: spiffe://callgate.local/a}]\n") == "1:14 `identities.users` is missing");
  CHECK(only("identities: [~]\n").find("must be a map") != std::string::npos);
  CHECK(only("identities:\n  - {id: spiffe://callgate.local/a, users: [a]}\n  - {id: "
             "spiffe://callgate.local/a, users: [b]}\n") ==
        "3:10 the identity `spiffe://callgate.local/a` is granted twice");
  CHECK(only("identity: {trust_domain: Prod}\n").find("must be a SPIFFE trust domain") != std::string::npos);
}

TEST_CASE("what only YAML knows is refused") {
  CHECK(only("run_dir: &a /a\n") == "1:10 anchors (`&name`) are not supported: write the value out");
  CHECK(only("run_dir: !x /a\n") == "1:10 tags (`!name`) are not supported: remove it");
  CHECK(only("run_dir: /a\n---\nrun_dir: /b\n").find("a second document") != std::string::npos);
  CHECK(only("run_dir: [\n").find("this is no YAML") != std::string::npos);
  CHECK(only(std::string_view("run_dir: /a\0b\n", 14)) == "1:1 this is no UTF-8 text");
  CHECK(only(std::string((1U << 20U) + 1, ' ')) == "0:0 is larger than 1 MiB");
}

TEST_CASE("everything wrong is found at once, in the order of the file") {
  const auto loaded = parse("limits: {head: 1}\nstate_dir: x\nfoo: 1\ntimeouts: {idle: 1, body: 2}\n");
  REQUIRE(loaded.findings.size() == 5);
  CHECK(loaded.findings[0].line == 1);
  CHECK(loaded.findings[1].line == 2);
  CHECK(loaded.findings[2].line == 3);
  CHECK(loaded.findings[3].column == 18);
  CHECK(loaded.findings[4].column == 27);
}

TEST_CASE("a finding shows its line and points into it") {
  const auto loaded = parse("limits:\n  hedd: 1KiB\n");
  REQUIRE(loaded.findings.size() == 1);
  CHECK(config::format_finding(loaded.findings[0]) ==
        "c.yaml:2:3: error: unknown key `hedd` in `limits`\n"
        "      2 |   hedd: 1KiB\n"
        "        |   ^\n"
        "  hint: did you mean `head`?");
}

TEST_CASE("a finding cannot write control characters, and shows the part around its place") {
  const auto finding =
      Finding{"c.yaml", 1, 301, "bad \x1b[2J", "", std::string(300, 'a') + "X\x1b" + std::string(300, 'b')};
  const auto text = config::format_finding(finding);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text == "c.yaml:1:301: error: bad ?[2J\n      1 | " + std::string(50, 'a') + "X?" +
                    std::string(48, 'b') + "\n        | " + std::string(50, ' ') + "^");
}

TEST_CASE("a caret stands under its character behind others of several bytes") {
  const auto loaded = parse("log: {\"ä\": 1, level: x}\n");
  REQUIRE(loaded.findings.size() == 2);
  CHECK(config::format_finding(loaded.findings[1])
            .find("| log: {\"ä\": 1, level: x}\n        |                      ^") != std::string::npos);
}

TEST_CASE("a file that cannot be read is a finding") {
  const auto loaded = config::load_config("/nonexistent/callgate.yaml");
  REQUIRE(loaded.findings.size() == 1);
  CHECK(config::format_finding(loaded.findings[0]).find("/nonexistent/callgate.yaml: error: ") == 0);
}
