// What other threads may ask about workloads: the recorder while it writes records, the control API while it
// filters them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include <sys/types.h>

#include "record/workload_directory.hpp"
#include "workload/workload.hpp"

namespace callgate::node {

// Any thread. Keeps workloads that have ended as well, the newest ones: their events and records come later.
class KnownWorkloads final : public record::WorkloadDirectory {
 public:
  void add(const workload::Workload& workload);

  [[nodiscard]] std::optional<record::WorkloadName> lookup(std::uint64_t workload) override;
  [[nodiscard]] std::optional<std::string> process_path(std::uint32_t tgid, std::uint64_t start_ns,
                                                        std::uint64_t device, std::uint64_t inode) override;
  // The user who enrolled it.
  [[nodiscard]] std::optional<uid_t> owner(std::uint64_t workload) const;

 private:
  struct Entry {
    record::WorkloadName name;
    uid_t owner = 0;
  };
  static constexpr std::size_t most = 65'536;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Entry> entries_;
};

}  // namespace callgate::node
