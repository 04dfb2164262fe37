#include "kernel/other_versions.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "kernel/link.hpp"
#include "kernel/pin_directory.hpp"

namespace callgate::kernel {
namespace {

Result<bool> is_dead(const std::string& agent) {
  for (const std::string& pin : entries_of(agent)) {
    auto link = open_pin(pin);
    if (!link) return link.error();
    const auto state = link_state(link->get());
    if (!state) return state.error();
    if (state->cgroup_id != 0) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> OtherVersions::roots() const {
  auto all = pinned_versions(std::filesystem::path(programs_.pin_root()).parent_path());
  all.erase(std::remove(all.begin(), all.end(), programs_.pin_root()), all.end());
  return all;
}

std::vector<std::string> OtherVersions::enrolments(std::uint64_t cgroup_id) const {
  const std::string prefix = std::to_string(cgroup_id) + "-";
  std::vector<std::string> found;
  for (const std::string& root : roots()) {
    for (const std::string& directory : entries_of(root + "/workloads")) {
      if (name_of(directory).compare(0, prefix.size(), prefix) == 0) found.push_back(directory);
    }
  }
  return found;
}

Result<std::vector<std::uint64_t>> OtherVersions::agent_cgroups() const {
  std::vector<std::uint64_t> found;
  for (const std::string& root : roots()) {
    for (const std::string& agent : entries_of(root + "/agents")) {
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
    for (const std::string& pin : entries_of(directory)) {
      if (is_connect_pin(pin)) CALLGATE_TRY(detach_and_unpin(pin));
    }
  }
  return !found.empty();
}

bool OtherVersions::attached_to(std::uint64_t cgroup_id) const {
  return !enrolments(cgroup_id).empty();
}

Result<bool> OtherVersions::detach(std::uint64_t cgroup_id) const {
  const auto found = enrolments(cgroup_id);
  for (const std::string& directory : found) {
    for (const std::string& pin : entries_of(directory))
      CALLGATE_TRY(detach_and_unpin(pin));
    if (::rmdir(directory.c_str()) != 0) return system_error("remove " + directory, errno);
  }
  return !found.empty();
}

Result<void> OtherVersions::remove_empty() const {
  for (const std::string& root : roots()) {
    if (!entries_of(root + "/workloads").empty()) continue;
    bool alive = false;
    for (const std::string& agent : entries_of(root + "/agents")) {
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
