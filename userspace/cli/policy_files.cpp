#include "cli/policy_files.hpp"

#include <filesystem>
#include <iostream>

#include "cli/text.hpp"
#include "config/config.hpp"

namespace callgate::cli {
namespace {

std::string agent_directory(const Context& context) {
  const auto loaded = config::load_config(context.config.empty() ? config::default_path : context.config);
  return loaded.findings.empty() ? loaded.config.policies_dir : config::Config().policies_dir;
}

}  // namespace

std::optional<policy::LoadedPolicies> read_policies(const Context& context,
                                                    const std::vector<std::string>& paths,
                                                    policy::Unhonoured unhonoured) {
  const std::vector<std::string> wanted =
      paths.empty() ? std::vector<std::string>{agent_directory(context)} : paths;
  std::error_code ignored;
  const bool directory = wanted.size() == 1 && std::filesystem::is_directory(wanted[0], ignored);
  auto loaded =
      directory ? policy::load_directory(wanted[0], unhonoured) : policy::load_files(wanted, unhonoured);
  if (loaded.ok()) return loaded;
  context.output.err << safe_lines(loaded.report());
  return std::nullopt;
}

}  // namespace callgate::cli
