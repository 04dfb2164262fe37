// Carries checkpoints of the audit log elsewhere, so that a log that was rolled back or rewritten does not
// agree with them.
#pragma once

#include <string>

namespace callgate::node {

class CheckpointPush {
 public:
  // `file`: appended to, one signed note after the other, with an empty line between; empty: none. `syslog`:
  // a line for each, with origin, size, root and signature.
  CheckpointPush(std::string file, bool syslog) : file_(std::move(file)), syslog_(syslog) {}

  // The log's thread. What cannot be pushed is logged, and does not hold up the log.
  void push(const std::string& note);

 private:
  std::string file_;
  bool syslog_;
  bool failing_ = false;
};

}  // namespace callgate::node
