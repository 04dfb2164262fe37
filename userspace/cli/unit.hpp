// Units of systemd as workloads: where their processes run, and the drop-in that lets one start only under
// enrolment.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::cli {

struct Unit {
  std::string name;          // with its suffix
  std::string cgroup;        // of its processes, below the cgroup2 mount; empty: it does not run
  bool own_network = false;  // its processes have another network namespace than the host
  std::string fragment;      // the file that defines it
};

// "shop" and "shop.service" mean the same. Errors: bad_name; not_found; no_systemd.
[[nodiscard]] Result<Unit> find_unit(const std::string& name);

// What the drop-in has the unit run before its own processes.
struct PersistentEnrolment {
  std::string unit;
  std::string command;   // path of callgate
  std::string socket;    // of the agent; empty: its default
  std::string workload;  // name; empty: from the cgroup
  std::string identity;  // empty: from the name
  bool own_network = false;
};

[[nodiscard]] std::string make_drop_in(const PersistentEnrolment& enrolment);

// <directory>/<unit>.d/50-callgate.conf
constexpr const char* drop_in_directory = "/etc/systemd/system";
[[nodiscard]] std::string drop_in_path(const std::string& unit,
                                       const std::string& directory = drop_in_directory);
// Both have systemd read its files again. Removing says whether there was one. Errors: system_error,
// no_systemd.
[[nodiscard]] Result<void> write_drop_in(const PersistentEnrolment& enrolment,
                                         const std::string& directory = drop_in_directory);
[[nodiscard]] Result<bool> remove_drop_in(const std::string& unit,
                                          const std::string& directory = drop_in_directory);
// Units that have one.
[[nodiscard]] std::vector<std::string> persistent_units(const std::string& directory = drop_in_directory);

}  // namespace callgate::cli
