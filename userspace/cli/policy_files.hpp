// Policies as commands of `callgate policy` name them: files, directories, or none for the agent's own
// directory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "policy/loader.hpp"

namespace callgate::cli {

// Reads them with `unhonoured`. Nothing, and the findings written to standard error, where they cannot be
// used.
[[nodiscard]] std::optional<policy::LoadedPolicies> read_policies(const Context& context,
                                                                  const std::vector<std::string>& paths,
                                                                  policy::Unhonoured unhonoured);

}  // namespace callgate::cli
