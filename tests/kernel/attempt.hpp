// One try of a client to connect, in a process of its own, and what must have become of it.
#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

#include "base/address.hpp"
#include "world.hpp"

namespace callgate::test {

// What the client saw; travels between processes.
struct Attempt {
  int error = 0;  // errno of the connect; 0 if it succeeded
  char peer[64]{};
  char own[64]{};
  pid_t pid = 0;
};

[[nodiscard]] Fd stream_socket(int family, int extra_type = 0, int protocol = 0);
// connect(); 0 or errno. Gives up (ETIMEDOUT) on its own after about a second if nobody answers.
[[nodiscard]] int try_connect(int fd, const Address& to, bool mapped = false);
// The same without blocking: EINPROGRESS, then the outcome.
[[nodiscard]] int try_connect_non_blocking(int fd, const Address& to);
void set_option(int fd, int level, int name, int value);
void bind_to(int fd, const std::string& address);
[[nodiscard]] Address address_of(const std::string& text);
// Fills in what the socket says of itself.
[[nodiscard]] Attempt look(int fd, int error);

// A plain blocking connect at `place`.
[[nodiscard]] Attempt plain_attempt(const Place& place, const Address& to);

// The connection is at a gate, with this destination, this process, this workload; nothing is at the server,
// and the client was told that it is connected to where it wanted. Returns the gate's end.
Arrival require_redirected(const World& world, const Attempt& attempt, const Address& to, bool at_v6_gate);
// Runs `client` in the workload and requires the above.
void require_redirects(const World& world, const Address& to, const std::function<Attempt()>& client);
// The connect failed with `error`, exactly `counter` went up, and nobody has a connection.
void require_refused(const World& world, const Attempt& attempt, const std::string& counter, int error);
// The connection is at the server, and no gate has one.
void require_direct(const World& world, const Attempt& attempt, bool v6);

}  // namespace callgate::test
