// One log line for each call, as far as a workload's calls are not so many that they would drown everything
// else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "node/token_bucket.hpp"

namespace callgate::v1 {
class Record;
}

namespace callgate::node {

// One thread.
class CallLog {
 public:
  // `per_second`: lines of one workload; 0: none at all.
  explicit CallLog(std::uint32_t per_second) : per_second_(per_second) {}

  // Logs the line, or leaves it out. `now_ns` is monotonic_ns().
  void note(const v1::Record& record, std::uint64_t now_ns);
  // What note() would log, as fields; nothing where it leaves the line out. The first line after others were
  // left out says how many (`left_out`).
  struct Line {
    std::string function;
    std::string target;
    std::string decision;
    std::string rule;
    std::string outcome;
    std::uint64_t left_out = 0;
  };
  [[nodiscard]] std::optional<Line> line(const v1::Record& record, std::uint64_t now_ns);

 private:
  struct Share {
    TokenBucket bucket;
    std::uint64_t left_out = 0;
  };
  Share& share_of(const std::string& workload);

  std::uint32_t per_second_;
  std::unordered_map<std::string, Share> shares_;  // by workload; bounded
};

}  // namespace callgate::node
