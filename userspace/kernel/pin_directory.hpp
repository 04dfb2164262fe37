// The directories below `pin_dir`, as agents of every version lay them out.
#pragma once

#include <string>
#include <vector>

namespace callgate::kernel {

// Paths of what is in a directory, in order; nothing where there is none.
[[nodiscard]] std::vector<std::string> entries_of(const std::string& directory);
[[nodiscard]] std::string name_of(const std::string& path);

// Every <pin_dir>/v<version> there is.
[[nodiscard]] std::vector<std::string> pinned_versions(const std::string& pin_dir);
// Whether a workload's pin is one of the links that redirect.
[[nodiscard]] bool is_connect_pin(const std::string& path);

}  // namespace callgate::kernel
