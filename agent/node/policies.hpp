// The policies in force: read from their directory, compiled, and given out as snapshots.
//
// Files that cannot be used change nothing: the last good policies stay in force, also over a restart (a copy
// of their snapshot lies in the state directory), and the findings are kept for `callgate status`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "node/directory_watch.hpp"
#include "node/loop.hpp"
#include "policy/engine.hpp"
#include "policy/snapshot.hpp"
#include "workload/workload.hpp"

namespace callgate::node {

class HostResolver;

struct PoliciesSettings {
  std::string directory;
  std::string state_dir;
  policy::Mode default_mode = policy::Mode::observe;
  std::chrono::milliseconds quiet{200};  // after a change, before files are read
  std::chrono::seconds resolve_interval{30};
};

struct PoliciesStatus {
  std::uint64_t number = 0;  // of the snapshot, grows with each one
  std::string version;       // label of what the policies say
  std::size_t documents = 0;
  std::uint64_t loaded_ns = 0;  // CLOCK_REALTIME
  bool from_state = false;      // they are the copy of the state directory, not what the directory holds
  std::vector<std::string> problems;
};

class Policies {
 public:
  // `publish` gets each snapshot in a sealed memfd, with its number.
  using Publish = std::function<void(std::uint64_t number, Fd snapshot)>;

  Policies(Loop& loop, PoliciesSettings settings, Publish publish);
  ~Policies();

  // Reads the directory and starts to watch it; also again, after stop(). Error bad_policies, with all
  // findings, where the files cannot be used and there are no last good ones.
  [[nodiscard]] Result<void> start();
  // Reads the directory again, now.
  void reload();
  // Reads and resolves nothing any more.
  void stop();

  [[nodiscard]] workload::Mode mode_of(std::string_view workload, std::string_view spiffe_id) const;
  [[nodiscard]] const PoliciesStatus& status() const { return status_; }
  // No name of theirs was looked up yet: what depends on one is refused so far.
  [[nodiscard]] bool resolving() const { return resolving_; }

 private:
  [[nodiscard]] Result<void> use(policy::Snapshot snapshot);
  [[nodiscard]] Result<policy::Snapshot> read_last_good() const;
  [[nodiscard]] Result<policy::Snapshot> read_directory();
  void resolve();
  void resolved(std::vector<policy::ResolvedHost> hosts);
  [[nodiscard]] std::string last_good_path() const;

  Loop& loop_;
  PoliciesSettings settings_;
  Publish publish_;
  DirectoryWatch watch_;
  policy::Snapshot snapshot_;
  std::unique_ptr<const policy::Engine> engine_;
  PoliciesStatus status_;
  std::vector<policy::ResolvedHost> resolved_;
  std::unique_ptr<HostResolver> resolver_;
  bool resolving_ = false;
  Loop::Timer resolve_timer_;
  std::shared_ptr<const bool>
      alive_;  // until stop(): what was posted before must not be carried out after it
};

}  // namespace callgate::node
