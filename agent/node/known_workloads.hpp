// What other threads may ask about workloads: the recorder while it writes records, the control API while it
// filters them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/workload_directory.hpp"
#include "workload/workload.hpp"

namespace callgate::node {

// Any thread. Keeps workloads that have ended as well, the newest ones: their events and records come later.
// Who enrolled which is kept in a file too, so that people see their own records also after a restart.
class KnownWorkloads final : public record::WorkloadDirectory {
 public:
  // Reads the file of owners and goes on writing to it; without this everything is kept in memory only.
  [[nodiscard]] Result<void> open(const std::string& path);

  void add(const workload::Workload& workload);

  [[nodiscard]] std::optional<record::WorkloadName> lookup(std::uint64_t workload) override;
  // The executable of a process; also of one that has ended, if it was asked for while it lived.
  [[nodiscard]] std::optional<std::string> process_path(std::uint32_t tgid, std::uint64_t start_ns,
                                                        std::uint64_t device, std::uint64_t inode) override;
  // The greatest id that ever had an owner, 0 if there was none.
  [[nodiscard]] std::uint64_t newest() const;
  // The user who enrolled it.
  [[nodiscard]] std::optional<uid_t> owner(std::uint64_t workload) const;

 private:
  static constexpr std::size_t most = 65'536;
  static constexpr std::size_t most_processes = 4'096;
  using Process = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t, std::uint64_t>;

  void note_owner(std::uint64_t id, uid_t owner);

  mutable std::mutex mutex_;
  std::map<std::uint64_t, record::WorkloadName> entries_;  // of this run of the agent
  std::map<std::uint64_t, uid_t> owners_;                  // of earlier ones as well
  std::map<Process, std::string> processes_;               // what was resolved lately
  std::deque<Process> process_order_;                      // the oldest first
  Fd file_;
};

}  // namespace callgate::node
