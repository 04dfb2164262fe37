// The executables of calling processes, as callgated resolved them for exactly the process that the kernel
// saw.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "kernel/flow.hpp"

namespace callgate::proxy {

// Of one thread; bounded: the oldest answers are forgotten first.
class ProcessDirectory {
 public:
  struct Process {
    std::uint32_t tgid = 0;
    std::uint64_t start = 0;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const Process&) const = default;
  };
  struct Answer {
    bool known = false;  // callgated has answered
    std::string path;    // empty: it could not tell either
  };
  using Ask = std::function<void(std::uint64_t request, const Process& process)>;

  explicit ProcessDirectory(Ask ask) : ask_(std::move(ask)) {}

  // What is known of the process of `flow`; asks callgated at the first time. Valid until the next call of a
  // method.
  [[nodiscard]] const Answer& look_up(const kernel::Flow& flow);
  // callgated's answer; one that nobody asked for is ignored.
  void add(std::uint64_t request, std::string path);

 private:
  struct Entry {
    Answer answer;
    std::uint64_t request = 0;
  };

  Ask ask_;
  std::map<Process, Entry> entries_;
  std::map<std::uint64_t, Process> requests_;  // of every entry, oldest first
  std::uint64_t last_request_ = 0;
};

}  // namespace callgate::proxy
