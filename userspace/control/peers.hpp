// Who is at the other end of each connection of the control API.
//
// gRPC tells a handler only the number of the connection's descriptor. So numbers must not pass from one
// connection to the next while a call of the first could still start: each connection gets a number from a
// range of its own, in ascending order, and a number rests for `quarantine` after its connection has been
// seen closed.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "control/access.hpp"

namespace callgate::control {

struct PeerProcess {
  Account account;
  pid_t pid = 0;  // 0: in a PID namespace that this process does not see
  Fd pidfd;       // none with pid 0
};

// The most supplementary groups of a peer that count.
inline constexpr std::size_t most_groups = 4096;

// The process that connected `socket`, as the kernel noted it then. Its supplementary groups are none if they
// cannot be read or are more than `most_groups`: groups only ever allow. Error peer_gone if it has ended
// since.
[[nodiscard]] Result<PeerProcess> identify_peer(int socket);

struct PeerLimits {
  std::size_t connections = 256;
  std::size_t connections_per_user = 32;  // of one uid other than root
  std::chrono::milliseconds quarantine = std::chrono::seconds(10);
  // The range of descriptor numbers; 0: chosen from RLIMIT_NOFILE.
  int first_number = 0;
  int last_number = 0;
};

// Thread-safe.
class PeerTable {
 public:
  explicit PeerTable(PeerLimits limits);

  // Takes over an accepted connection: returns the number of its descriptor, which then belongs to the
  // caller. Errors: too_many, peer_gone, system errors; the connection is then closed.
  [[nodiscard]] Result<int> admit(Fd socket);
  // The process behind the connection that gRPC calls `peer` ("fd:N"); null for anything else. Shared: it
  // stays valid for calls that outlast their connection.
  [[nodiscard]] std::shared_ptr<const PeerProcess> find(std::string_view peer) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::shared_ptr<const PeerProcess> process;
    ino_t inode = 0;  // of the socket: tells whether the number still is this connection
    bool closed = false;
    Clock::time_point closed_at;
  };

  void sweep();
  [[nodiscard]] Result<void> check_limits(uid_t uid) const;
  [[nodiscard]] Result<int> move_to_free_number(int socket);

  PeerLimits limits_;
  mutable std::mutex mutex_;
  std::map<int, Entry> entries_;
  int next_ = 0;
};

}  // namespace callgate::control
