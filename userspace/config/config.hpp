// The configuration of one agent: everything it touches on the host, with safe defaults.
//
// Source: one YAML file, read strictly. Several agents can run on one host as long as their directories
// differ.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"

namespace callgate::config {

inline constexpr const char* default_path = "/etc/callgate/callgate.yaml";

enum class Mode : std::uint8_t { observe, enforce };
enum class OnAgentLoss : std::uint8_t { closed, open };
enum class DeviceGuard : std::uint8_t { automatic, never };

// Who reaches the control API, and through which socket. Here and below, lists of users hold names and
// numbers of users, and of groups behind "group:".
struct Control {
  std::string socket;  // absolute path; default: control.sock in run_dir
  // Group (name or number) that may connect. Empty: everybody may connect; what a user may do is decided by
  // uid and groups anyway.
  std::string group;
  std::vector<std::string> admins;    // who may do everything, beside root
  std::vector<std::string> auditors;  // who may see everything, payload and proofs too
  std::vector<std::string> viewers;   // who may see workloads, policies and sessions of all, but no payload
};

struct Run {
  std::vector<std::string> users;  // who may start workloads of their own; "*" is everybody
};

// A SPIFFE ID that some users may ask for with `callgate run --identity`.
struct IdentityGrant {
  std::string id;
  std::vector<std::string> users;  // "*" is everybody

  bool operator==(const IdentityGrant&) const = default;
};

struct Identity {
  std::string trust_domain = "callgate.local";
  std::chrono::milliseconds svid_ttl = std::chrono::hours(1);
};

// Defaults of every workload.
struct Workload {
  OnAgentLoss on_agent_loss = OnAgentLoss::closed;
  // Kinds of sockets that a workload under enforcement cannot create.
  bool refuse_mptcp = true;
  bool refuse_sctp = true;
  bool refuse_raw = true;
  bool refuse_udp443 = true;  // under enforcement: QUIC clients fall back to TCP
  DeviceGuard device_guard = DeviceGuard::automatic;
  std::uint32_t pending_flows = 4096;  // connections that are on their way to the gate at once
};

// Ports of the listeners inside the workloads' network namespaces, both ends included.
struct Gates {
  std::uint16_t first_port = 61000;
  std::uint16_t last_port = 61999;
};

struct Proxy {
  // A user name, or "uid:gid" in numbers. Never root.
  std::string user = "65534:65534";
  std::uint32_t threads = 0;  // 0: one for each core that callgated may use
  std::string binary;         // absolute path; empty: callgate-proxy beside callgated
};

// Of the proxy; all sizes in bytes, `connections` of one thread.
struct Limits {
  std::uint64_t head = 64U << 10U;
  std::uint32_t fields = 128;
  std::uint64_t request_body = 64ULL << 20U;
  std::uint64_t response_body = 1ULL << 30U;
  std::uint64_t decision_body = 1ULL << 20U;  // of a request, held while a condition needs it
  std::uint32_t connections = 4096;
  std::uint32_t connections_per_workload = 1024;
  std::uint32_t pool_idle = 32;  // upstream connections kept for reuse, a workload and target
};

// Of the proxy. What each one times is said in deploy/callgate.yaml and in proto/callgate/v1/node.proto.
struct Timeouts {
  std::chrono::milliseconds detect = std::chrono::milliseconds(200);
  std::chrono::milliseconds head = std::chrono::seconds(10);
  std::chrono::milliseconds idle = std::chrono::seconds(60);
  std::chrono::milliseconds body = std::chrono::seconds(30);
  std::chrono::milliseconds connect = std::chrono::seconds(10);
  std::chrono::milliseconds response = std::chrono::seconds(60);
  std::chrono::milliseconds stream = std::chrono::minutes(5);
  std::chrono::milliseconds record = std::chrono::seconds(2);
  std::chrono::milliseconds drain = std::chrono::seconds(30);
  std::chrono::milliseconds pool_idle = std::chrono::seconds(60);
  std::chrono::milliseconds tunnel_idle{0};  // 0: none
};

struct Rings {
  std::uint64_t size = 8U << 20U;  // bytes, a power of two; one ring for each proxy thread
};

struct Record {
  std::uint64_t payload_limit = 1U << 20U;  // bytes captured a call and direction; 0: digests and sizes only
  std::uint64_t segment_size = 64ULL << 20U;                                 // bytes of one journal file
  std::chrono::milliseconds sync_interval = std::chrono::milliseconds(100);  // of the journal to disk
  // Where the keys of stored payload come from: a file, or a command (a program's absolute path and its
  // arguments). At most one is given; neither: payload.keys in state_dir.
  std::string key_file;
  std::vector<std::string> key_command;
  std::chrono::milliseconds retain = std::chrono::hours(24 * 90);  // of records and payload
  std::uint64_t payload_size = 8ULL << 30U;                        // bytes on disk of all payload
  std::chrono::milliseconds epoch = std::chrono::hours(24);        // how long one audit log is written
  std::string checkpoint_file;                                     // absolute path; empty: none
  bool checkpoint_syslog = false;
  std::string log_name;  // in checkpoints; empty: made of trust domain and host name
};

struct Tls {
  std::string system_roots = "/etc/ssl/certs/ca-certificates.crt";  // PEM
  std::chrono::milliseconds proof = std::chrono::minutes(5);  // of targets whose callers speak TLS themselves
};

struct Config {
  std::string state_dir = "/var/lib/callgate";   // keys, journal, records: survives reboots
  std::string run_dir = "/run/callgate";         // rings, control socket: must be on tmpfs
  std::string pin_dir = "/sys/fs/bpf/callgate";  // pinned programs: on bpffs
  std::string cgroup_root;  // empty: "callgate" in the cgroup2 mount that mountinfo shows
  std::string policies_dir = "/etc/callgate/policies";
  Mode default_mode = Mode::observe;  // of workloads that no policy selects
  LogLevel log_level = LogLevel::info;
  std::uint32_t log_calls = 20;  // lines a second about calls of one workload
  Control control{
      .socket = "/run/callgate/control.sock", .group = {}, .admins = {}, .auditors = {}, .viewers = {}};
  Run run;
  std::vector<IdentityGrant> identities;
  Identity identity;
  Workload workload;
  Gates gates;
  Proxy proxy;
  Limits limits;
  Timeouts timeouts;
  Rings rings;
  Record record;
  Tls tls;
};

// One thing wrong with a configuration. Lines and columns count from 1; a column counts bytes.
struct Finding {
  std::string file;
  int line = 0;  // 0: the file as a whole
  int column = 0;
  std::string message;  // what is wrong
  std::string hint;     // what to write instead; may be empty
  std::string excerpt;  // the offending line; may be empty
};

struct Loaded {
  Config config;  // of use only if there are no findings
  std::vector<Finding> findings;
};

// Reads and parses a file of at most 1 MiB. Everything wrong is found at once; nothing outside the file is
// looked at.
[[nodiscard]] Loaded load_config(const std::string& path);
// The same for a text in memory; `file` names it in findings. An empty text is the default configuration.
[[nodiscard]] Loaded parse_config(std::string_view text, std::string_view file);

// "callgate.yaml:12:7: error: unknown key `taget`", the offending line with a caret, and the hint.
[[nodiscard]] std::string format_finding(const Finding& finding);

// Every key that a configuration may hold, sections as "section.key"; for the test that holds the example to
// it.
[[nodiscard]] std::vector<std::string> known_keys();

}  // namespace callgate::config
