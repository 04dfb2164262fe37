#include "kernel/other_versions.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "kernel/link.hpp"

namespace callgate::kernel {
namespace {

std::vector<std::string> children(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;  // one that is not there has none
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    found.push_back(entry.path());
  return found;
}

std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename();
}

Result<bool> is_dead(const std::string& agent) {
  for (const std::string& pin : children(agent)) {
    auto link = open_pin(pin);
    if (!link) return link.error();
    const auto state = link_state(link->get());
    if (!state) return state.error();
    if (state->cgroup_id != 0) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> pinned_versions(const std::string& pin_dir) {
  std::vector<std::string> found;
  for (const std::string& path : children(pin_dir)) {
    const std::string name = name_of(path);
    if (name.size() > 1 && name[0] == 'v' &&
        std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; }))
      found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> OtherVersions::roots() const {
  auto all = pinned_versions(std::filesystem::path(programs_.pin_root()).parent_path());
  all.erase(std::remove(all.begin(), all.end(), programs_.pin_root()), all.end());
  return all;
}

std::vector<std::string> OtherVersions::enrolments(std::uint64_t cgroup_id) const {
  const std::string prefix = std::to_string(cgroup_id) + "-";
  std::vector<std::string> found;
  for (const std::string& root : roots()) {
    for (const std::string& directory : children(root + "/workloads")) {
      if (name_of(directory).compare(0, prefix.size(), prefix) == 0) found.push_back(directory);
    }
  }
  return found;
}

Result<std::vector<std::uint64_t>> OtherVersions::agent_cgroups() const {
  std::vector<std::uint64_t> found;
  for (const std::string& root : roots()) {
    for (const std::string& agent : children(root + "/agents")) {
      const auto dead = is_dead(agent);
      if (!dead) return dead.error();
      if (!*dead) found.push_back(std::strtoull(name_of(agent).c_str(), nullptr, 10));
    }
  }
  return found;
}

Result<bool> OtherVersions::stop_redirecting(std::uint64_t cgroup_id) const {
  const auto found = enrolments(cgroup_id);
  for (const std::string& directory : found) {
    for (const std::string& pin : children(directory)) {
      if (name_of(pin).compare(0, 8, "connect_") == 0) CALLGATE_TRY(detach_and_unpin(pin));
    }
  }
  return !found.empty();
}

Result<bool> OtherVersions::detach(std::uint64_t cgroup_id) const {
  const auto found = enrolments(cgroup_id);
  for (const std::string& directory : found) {
    for (const std::string& pin : children(directory))
      CALLGATE_TRY(detach_and_unpin(pin));
    if (::rmdir(directory.c_str()) != 0) return system_error("remove " + directory, errno);
  }
  return !found.empty();
}

Result<void> OtherVersions::remove_empty() const {
  for (const std::string& root : roots()) {
    if (!children(root + "/workloads").empty()) continue;
    bool alive = false;
    for (const std::string& agent : children(root + "/agents")) {
      const auto dead = is_dead(agent);
      if (!dead) return dead.error();
      alive = alive || !*dead;
    }
    if (alive) continue;
    std::error_code error;
    std::filesystem::remove_all(root, error);
    if (error) return system_error("remove " + root, error.value());
  }
  return {};
}

}  // namespace callgate::kernel
