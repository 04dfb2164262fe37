// Where test code runs: a network namespace, a cgroup, a user; and processes that run there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"

namespace callgate::test {

constexpr uid_t nobody = 65534;

// Ends the test with `what` and errno: for set-up, where a failure says nothing about the code under test.
[[noreturn]] void fail(const std::string& what);

// Runs a command of the system; fails the test if it fails.
void run(const std::string& command);
[[nodiscard]] bool can_run(const std::string& command);
[[nodiscard]] bool has_nftables();

// Says, now and again when all is done, that something cannot be shown here: by this kernel, or in this
// build.
void not_run(const std::string& what, const std::string& reason);
[[nodiscard]] const std::vector<std::string>& what_was_not_run();

class NetworkNamespace {
 public:
  // A new one, with lo up.
  NetworkNamespace();
  [[nodiscard]] int fd() const { return fd_.get(); }
  // How commands of iproute2 name it.
  [[nodiscard]] std::string path() const;
  void enter() const;

 private:
  Fd fd_;
};

// Runs `action` with the calling thread in `ns`.
void within(const NetworkNamespace& ns, const std::function<void()>& action);

class Cgroup {
 public:
  explicit Cgroup(const std::string& path);
  Cgroup(Cgroup&&) = default;
  Cgroup& operator=(Cgroup&&) = default;
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup();
  [[nodiscard]] const std::string& path() const { return path_; }
  void join() const;  // the calling process
  void add(pid_t pid) const;

 private:
  std::string path_;
};

struct Place {
  const Cgroup* cgroup = nullptr;
  const NetworkNamespace* netns = nullptr;
  uid_t user = 0;
  void enter() const;
};

// A forked process that talks with the test over a socket pair.
class Child {
 public:
  // `body` gets the child's end; its return ends the process.
  explicit Child(const std::function<void(int channel)>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kills it if it has not ended
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int channel() const { return channel_.get(); }
  void wait();
  void kill();

 private:
  pid_t pid_ = -1;
  Fd channel_;
};

void send_bytes(int channel, const void* data, std::size_t size);
void receive_bytes(int channel, void* data, std::size_t size);
void send_fd(int channel, int fd);
[[nodiscard]] Fd receive_fd(int channel);

template <typename T>
void send_value(int channel, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  send_bytes(channel, &value, sizeof(value));
}
template <typename T>
[[nodiscard]] T receive_value(int channel) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value{};
  receive_bytes(channel, &value, sizeof(value));
  return value;
}

// What `body` answers when it runs in a process of its own at `place`.
template <typename Body>
auto at(const Place& place, const Body& body) {
  using T = std::invoke_result_t<Body>;
  Child child([&](int channel) {
    place.enter();
    send_value(channel, body());
  });
  T answer = receive_value<T>(child.channel());
  child.wait();
  return answer;
}

// Looks again and again, for a few seconds, until `condition` holds; false if it never did.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

}  // namespace callgate::test
