#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "base/log.hpp"
#include "kernel/existing_connections.hpp"
#include "node/enrolments.hpp"

namespace callgate::node {
namespace {

// Of a cgroup and everything below it: a socket has the id of just the cgroup that made it.
Result<std::set<std::uint64_t>> cgroup_ids(const workload::Workload& workload) {
  std::set<std::uint64_t> ids{workload.cgroup_id};
  std::error_code failed;
  std::filesystem::recursive_directory_iterator entry(workload.cgroup, failed);
  while (!failed && entry != std::filesystem::recursive_directory_iterator()) {
    if (entry->is_directory(failed) && !failed) {
      const auto below = workload::open_cgroup(entry->path().string());
      if (below) {
        ids.insert(below->id);
      } else if (below.error().code != "not_found") {
        return below.error();
      }
    }
    entry.increment(failed);
  }
  if (failed) {
    return make_error("system_error", fmt::format("the cgroups below {} could not be read: {}; try again",
                                                  workload.cgroup, failed.message()));
  }
  return ids;
}

}  // namespace

Result<ExistingConnections> Enrolments::settle_existing(const workload::Workload& workload, bool reset) {
  const auto look = [&]() -> Result<std::uint64_t> {
    const auto diagnosis = namespaces_.make_diagnosis(workload.netns_cookie);
    if (!diagnosis) return diagnosis.error();
    const auto ids = cgroup_ids(workload);
    if (!ids) return ids.error();
    return reset ? kernel::reset_connections(diagnosis->get(), *ids)
                 : kernel::count_connections(diagnosis->get(), *ids);
  };
  const auto count = look();
  if (count) return ExistingConnections{reset, *count};
  if (reset) return count.error();

  // They stay anyway: not knowing their number is no reason to leave the workload without control.
  log_warning("existing_connections_not_counted",
              {{"workload", workload.name}, {"code", count.error().code}, {"error", count.error().message}});
  return ExistingConnections{false, std::nullopt};
}

}  // namespace callgate::node
