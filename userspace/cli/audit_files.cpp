#include "cli/audit_files.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "config/config.hpp"
#include "tlog/epoch.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t key_file_limit = 4096;

std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

}  // namespace

std::string audit_directory(const Context& context, const std::string& given) {
  if (!given.empty()) return given;
  const auto loaded = config::load_config(context.config.empty() ? config::default_path : context.config);
  return (loaded.findings.empty() ? loaded.config.state_dir : config::Config().state_dir) + "/log";
}

Result<AuditKey> audit_key(const std::string& given, const std::string& directory) {
  if (auto key = tlog::VerifierKey::parse(given)) return AuditKey{std::move(*key), false};
  const auto path = given.empty() ? directory + "/" + tlog::verifier_key_name : given;
  const auto text = read_file(path, key_file_limit);
  if (!text && given.empty()) {
    return make_error(
        text.error().code,
        fmt::format("{}; give the log's directory with --log, and its key with --key", text.error().message));
  }
  if (!text) {
    return make_error("invalid",
                      fmt::format("--key is neither a verifier key (name+id+base64, as `callgate audit key` "
                                  "prints it) nor a file that holds one: {}",
                                  text.error().message));
  }
  auto key = tlog::VerifierKey::parse(without_line_end(*text));
  if (!key) return make_error("invalid", fmt::format("{}: {}", path, key.error().message));
  return AuditKey{std::move(*key), given.empty()};
}

void add_log_option(CLI::App& command, std::string& directory) {
  command
      .add_option("--log", directory,
                  "Directory of the audit log (default: `log` in the agent's state directory)")
      ->type_name("DIR");
}

void add_key_option(CLI::App& command, std::string& key) {
  command
      .add_option(
          "--key", key,
          "Verifier key of the log, or a file that holds it (default: the one beside the log, which whoever "
          "rewrites the log can rewrite too)")
      ->type_name("KEY|FILE");
}

}  // namespace callgate::cli
