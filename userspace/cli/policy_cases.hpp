// Files of cases, as commands of `callgate policy` name them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "policy/cases.hpp"

namespace callgate::cli {

// Files as they are named, and the *.cases.yaml of directories; sorted.
[[nodiscard]] std::vector<std::string> case_files(const std::vector<std::string>& paths);
// Nothing, and the findings written to standard error, where the file cannot be used.
[[nodiscard]] std::optional<policy::CaseFile> read_cases(const Context& context, const std::string& file);

}  // namespace callgate::cli
