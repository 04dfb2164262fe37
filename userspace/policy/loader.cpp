#include "policy/loader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "policy/snapshot.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t most_files = 10'000;
// One more than a document may have, so that the parser says that it is too large.
constexpr std::size_t read_limit = (1U << 20U) + 1;
constexpr std::size_t version_digits = 12;

bool is_policy_file(std::string_view name) {
  const bool is_cases = name.ends_with(".cases.yaml") || name.ends_with(".cases.yml");
  return !name.starts_with('.') && !is_cases && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

Finding file_finding(std::string file, std::string message, std::string hint) {
  return {Finding::Severity::error, std::move(file), 0, 0, std::move(message), std::move(hint)};
}

Result<std::string> sha256_hex(std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    return make_error("sha256_unavailable", "OpenSSL cannot compute SHA-256; check its configuration");
  }
  return to_hex(Bytes(digest.data(), size));
}

Result<std::string> read_policy_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) return system_error(fmt::format("read {}", path), error.value());
  // Reading a pipe would wait for somebody to write to it.
  if (!std::filesystem::is_regular_file(status)) {
    return make_error("not_a_file", fmt::format("{} is not a regular file; rename or remove it", path));
  }
  return read_file(path, read_limit);
}

void read_one(const std::string& path, Unhonoured unhonoured, LoadedPolicies& loaded,
              std::map<std::string, std::string>& owners) {
  auto text = read_policy_file(path);
  if (!text) {
    loaded.findings.push_back(file_finding(path, text.error().message, ""));
    return;
  }
  auto parsed = parse_policies(*text, path, unhonoured);
  for (auto& policy : parsed.policies) {
    const auto [owner, fresh] = owners.emplace(qualified_name(policy), path);
    if (!fresh) {
      loaded.findings.push_back(
          file_finding(path, fmt::format("the policy `{}` is in {} already", owner->first, owner->second),
                       "give it another name"));
    }
    loaded.policies.push_back(std::move(policy));
  }
  loaded.findings.insert(loaded.findings.end(), parsed.findings.begin(), parsed.findings.end());
  loaded.files.push_back({path, std::move(*text)});
}

void finish(LoadedPolicies& loaded) {
  if (has_error(loaded.findings)) {
    loaded.policies.clear();
    return;
  }
  std::sort(loaded.policies.begin(), loaded.policies.end(),
            [](const CallPolicy& a, const CallPolicy& b) { return qualified_name(a) < qualified_name(b); });
  const auto digest = sha256_hex(serialize_snapshot({loaded.policies, Mode::observe, {}, {}}));
  if (!digest) {
    loaded.policies.clear();
    loaded.findings.push_back(file_finding("policies", digest.error().message, ""));
    return;
  }
  loaded.digest = *digest;
  loaded.version = loaded.digest.substr(0, version_digits);
}

}  // namespace

std::string LoadedPolicies::report(bool with_warnings) const {
  std::string out;
  for (const auto& finding : findings) {
    if (!with_warnings && finding.severity == Finding::Severity::warning) continue;
    const auto file =
        std::find_if(files.begin(), files.end(), [&](const SourceFile& f) { return f.path == finding.file; });
    out += format_finding(finding, file == files.end() ? std::string_view{} : std::string_view(file->text));
  }
  return out;
}

LoadedPolicies load_files(const std::vector<std::string>& paths, Unhonoured unhonoured) {
  LoadedPolicies loaded;
  std::map<std::string, std::string> owners;
  for (const auto& path : paths)
    read_one(path, unhonoured, loaded, owners);
  finish(loaded);
  return loaded;
}

LoadedPolicies load_directory(const std::string& directory, Unhonoured unhonoured) {
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (is_policy_file(name)) paths.push_back(entry->path().string());
  }
  LoadedPolicies failed;
  if (error) {
    failed.findings.push_back(file_finding(directory,
                                           system_error("read the policy directory", error.value()).message,
                                           "create it, or correct its path in the configuration"));
    return failed;
  }
  if (paths.size() > most_files) {
    failed.findings.push_back(file_finding(directory, "the directory has more than 10,000 policy files",
                                           "put several policies in one file, separated by `---`"));
    return failed;
  }
  std::sort(paths.begin(), paths.end());
  return load_files(paths, unhonoured);
}

}  // namespace callgate::policy
