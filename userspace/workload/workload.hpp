// One enrolled workload: processes of a cgroup that share an identity and a gate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace callgate::workload {

enum class Kind : std::uint8_t {
  run,       // its cgroup was made by callgated for one command, and goes away with the command
  enrolled,  // somebody else's cgroup
};

enum class Mode : std::uint8_t { observe, enforce };

// Plain facts, as the registry keeps them.
struct Workload {
  std::uint64_t id = 0;   // never 0, never reused on this node
  std::string name;       // what policies match
  std::string spiffe_id;  // the identity that it calls under
  uid_t owner = 0;        // the user who enrolled it
  std::string cgroup;     // absolute path of its cgroup2 directory
  std::uint64_t cgroup_id = 0;
  std::uint64_t netns_cookie = 0;  // of the network namespace that its gates are in
  Kind kind = Kind::enrolled;
  Mode mode = Mode::enforce;  // what the kernel programs were last told
  bool open_on_agent_loss = false;
  std::uint64_t enrolled_ns = 0;  // CLOCK_REALTIME

  bool operator==(const Workload&) const = default;
};

[[nodiscard]] std::string_view to_string(Kind kind);
[[nodiscard]] std::string_view to_string(Mode mode);

// Names of workloads are parts of SPIFFE IDs and of cgroup names: DNS labels, 1 to 63 of a-z, 0-9 and "-",
// neither first nor last a "-".
[[nodiscard]] bool is_workload_name(std::string_view name);
// The nearest valid name to any text ("Nginx.service" -> "nginx-service"); "workload" where nothing is left.
[[nodiscard]] std::string make_workload_name(std::string_view text);

}  // namespace callgate::workload
