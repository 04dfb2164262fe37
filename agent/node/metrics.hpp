// What a Prometheus server scrapes: counts and latencies of calls, and how the agent is.
//
// Label sets are bounded: no name of a workload, target, path or rule is ever a label.
#pragma once

#include <memory>
#include <string>

namespace callgate::v1 {
class Record;
class StatusReply;
}  // namespace callgate::v1

namespace callgate::node {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Counts a call or flow that has its record. Any thread.
  void note(const v1::Record& record);
  // Everything in the text format of Prometheus, version 0.0.4. Any thread.
  [[nodiscard]] std::string text(const v1::StatusReply& status) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace callgate::node
