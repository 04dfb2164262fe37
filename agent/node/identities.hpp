// The identities of the workloads: issued by the embedded authority, renewed at half of their life, and given
// to the proxy as one snapshot of everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "identity/authority.hpp"
#include "node/loop.hpp"
#include "workload/workload.hpp"

namespace callgate::node {

struct IdentitiesSettings {
  std::string directory;  // of the authority
  std::string trust_domain;
  std::chrono::seconds ttl{3600};
  std::string system_roots;  // path of a PEM file
};

class Identities {
 public:
  using Publish = std::function<void(std::uint64_t number, Fd snapshot)>;

  Identities(Loop& loop, IdentitiesSettings settings, Publish publish);

  // Opens or makes the authority, and publishes a snapshot: without workloads, or with those of before
  // stop().
  [[nodiscard]] Result<void> start();
  // Renews nothing any more.
  void stop();

  // Issues an SVID for the workload. The snapshot follows soon, or at once with flush().
  [[nodiscard]] Result<void> add(const workload::Workload& workload);
  void remove(std::uint64_t workload);
  // Removes all others.
  void keep_only(const std::map<std::uint64_t, workload::Workload>& workloads);
  void flush();

  // The SPIFFE ID that a workload gets where nobody asks for another: of the user and name for `callgate
  // run`, else of the name. Error bad_spiffe_id.
  [[nodiscard]] Result<std::string> default_id(workload::Kind kind, uid_t owner,
                                               const std::string& name) const;
  // Whether the text is a SPIFFE ID that this authority can issue; errors invalid.
  [[nodiscard]] Result<void> check(const std::string& spiffe_id) const;

  [[nodiscard]] const identity::Authority& authority() const { return *authority_; }
  [[nodiscard]] const identity::Svid* find(std::uint64_t workload) const;
  // Why the roots of the system are missing in the snapshot; empty: they are there.
  [[nodiscard]] const std::string& roots_problem() const { return roots_problem_; }

 private:
  struct Entry {
    workload::Workload workload;
    identity::Svid svid;
  };

  [[nodiscard]] Result<void> issue(Entry& entry) const;
  void changed();
  void rotate();
  void read_roots();

  Loop& loop_;
  IdentitiesSettings settings_;
  Publish publish_;
  std::optional<identity::Authority> authority_;
  std::map<std::uint64_t, Entry> entries_;
  std::string system_roots_;
  std::string roots_problem_;
  std::uint64_t number_ = 0;
  bool dirty_ = false;
  Loop::Timer coalesce_;
  Loop::Timer rotation_;
  Loop::Timer roots_timer_;
};

}  // namespace callgate::node
