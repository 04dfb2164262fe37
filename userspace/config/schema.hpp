// Which keys a configuration has, and what each one accepts.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/reader.hpp"

namespace callgate::config {

// Where values lie that are compared with others once all are read.
struct Places {
  bool socket_given = false;
  Place socket, connections_per_workload, head, rings, run_dir, state_dir, pin_dir, key_command;
  std::vector<Place> identities;
};

// Sections that write into `config` and `places`, which must outlive them.
[[nodiscard]] std::vector<Section> schema(Config& config, Places& places);

}  // namespace callgate::config
