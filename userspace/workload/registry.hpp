// What is enrolled on this node, kept in one file that is replaced as a whole.
//
// An entry is on disk before anything is attached for it, and leaves the disk after everything was detached:
// whatever happens in between, the next start knows of everything that could be attached. Not thread-safe:
// one thread owns it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "workload/workload.hpp"

namespace callgate::workload {

class Registry {
 public:
  // Reads the file, or starts empty where there is none. Cgroups and network namespaces do not outlive the
  // boot that `boot_id` names: entries of another boot are dropped, ids go on. A file that cannot be
  // understood is registry_corrupt: it is never overwritten.
  [[nodiscard]] static Result<Registry> open(std::string path, std::string boot_id);

  // An id that no workload of this node has had or will have; it is on disk before it is returned.
  [[nodiscard]] Result<std::uint64_t> draw_id();
  // Adds or replaces the entry of `workload.id`, which draw_id gave; on an error nothing has changed.
  [[nodiscard]] Result<void> put(const Workload& workload);
  // Removes an entry; one that is not there is no error.
  [[nodiscard]] Result<void> remove(std::uint64_t id);

  [[nodiscard]] const std::map<std::uint64_t, Workload>& all() const { return workloads_; }
  [[nodiscard]] const Workload* find(std::uint64_t id) const;
  [[nodiscard]] const Workload* find_cgroup(std::uint64_t cgroup_id) const;

  // Entries of an earlier boot that open() dropped.
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

  // Ids that were given out before the registry's file was lost are not given out again.
  void start_above(std::uint64_t id) { next_id_ = std::max(next_id_, id + 1); }

 private:
  Registry(std::string path, std::string boot_id) : path_(std::move(path)), boot_id_(std::move(boot_id)) {}
  [[nodiscard]] Result<void> load(std::string_view text);
  [[nodiscard]] Result<void> save(const std::map<std::uint64_t, Workload>& workloads,
                                  std::uint64_t next_id) const;

  std::string path_;
  std::string boot_id_;
  std::map<std::uint64_t, Workload> workloads_;
  std::uint64_t next_id_ = 1;
  std::size_t dropped_ = 0;
};

// The kernel's name for this boot.
[[nodiscard]] Result<std::string> read_boot_id();

}  // namespace callgate::workload
