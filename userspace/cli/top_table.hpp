// What `callgate top` counts of records between two pictures, and how a picture looks. No terminal and no
// clock in here.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "callgate/v1/control.pb.h"
#include "cli/output.hpp"

namespace callgate::cli {

// Latencies in steps of a quarter of a power of two: a percentile is right to 19 %, whatever the number of
// calls.
class Latencies {
 public:
  void add(std::uint64_t microseconds);
  // Upper end of the step that `share` (0 to 1) of the calls were not slower than; 0 without calls.
  [[nodiscard]] std::uint64_t percentile(double share) const;

 private:
  std::array<std::uint32_t, 160> steps_{};
  std::uint64_t count_ = 0;
};

struct TopRow {
  std::string name;
  std::uint64_t calls = 0;
  std::uint64_t denied = 0;  // also those that only would have been
  std::uint64_t failed = 0;  // refused, failed or interrupted
  Latencies latencies;
};

enum class TopSort : std::uint8_t { calls, denied, p99 };

class TopTable {
 public:
  // Names that are kept apart between two pictures; what is beyond is one row, "(others)".
  static constexpr std::size_t most_names = 512;

  void add(const v1::Record& record);
  // Ordered, the first `most` of them; `take` forgets them all.
  struct Picture {
    std::vector<TopRow> workloads;
    std::vector<TopRow> functions;
    TopRow all;
  };
  [[nodiscard]] Picture take(TopSort sort);

 private:
  TopRow& row(std::map<std::string, TopRow>& rows, const std::string& name);

  std::map<std::string, TopRow> workloads_;
  std::map<std::string, TopRow> functions_;
  TopRow all_;
};

// `rows` lines at most; 0: as many as there are.
void print_picture(const TopTable::Picture& picture, const v1::StatusReply& status, double seconds,
                   std::size_t rows, const Output& output);
[[nodiscard]] std::string picture_to_json(const TopTable::Picture& picture, const v1::StatusReply& status,
                                          double seconds);

}  // namespace callgate::cli
