// What is asked of the index, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "callgate/v1/record.pb.h"
#include "index/position.hpp"

namespace callgate::index {

enum class DecisionFilter : std::uint8_t {
  any,
  allow,
  deny,        // enforced or only observed
  would_deny,  // by policies that are only observed
};

struct StatusRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // included
};

// "404", "4xx" or "400-499"; error invalid.
[[nodiscard]] Result<StatusRange> parse_status(std::string_view text);

// All that is set must match; what is empty does not filter. Texts are compared whole but where it says glob,
// in which each `*` stands for any run of characters.
struct Query {
  std::uint64_t since_ns = 0;         // opened at or after
  std::uint64_t until_ns = 0;         // opened before; 0: no limit
  std::string workload;               // name
  std::string name_space;             // of the workload's SPIFFE ID
  std::string process;                // glob over the path of the executable
  std::string function;               // glob
  std::string host;                   // glob, without regard to case
  std::optional<std::uint32_t> port;  // of the target; of a flow, of its destination
  DecisionFilter decision = DecisionFilter::any;
  std::string policy;
  std::string rule;
  std::optional<v1::Outcome> outcome;
  std::string error_code;
  std::optional<StatusRange> status;
  std::optional<Id> session;
  std::uint64_t min_duration_us = 0;

  // Whether the asker may see the calls of a workload: the registry id and the name that its records carry.
  // Empty: all. Asked a few times a query, from the asking thread.
  std::function<bool(std::uint64_t registry_id, std::string_view workload)> visible;
};

enum class Sort : std::uint8_t {
  newest,   // by place in the log, last first
  oldest,   // by the time of opening
  longest,  // by duration
  shortest,
};

struct Page {
  std::vector<Position> positions;
  std::string next;  // the cursor of the next page; empty: that was all
};

enum class GroupBy : std::uint8_t {
  workload,
  name_space,
  process,
  function,
  host,
  decision,  // "allow", "deny", "would-deny" (also what is allowed, but would be denied) or ""
  policy,
  rule,
  outcome,  // "completed"
  status,   // "404"
  error_code,
};

struct Group {
  std::string value;  // empty: the records have none
  std::uint64_t count = 0;
};

struct Groups {
  std::vector<Group> groups;  // the largest first
  std::uint64_t others = 0;   // records of values that came after the first most_groups different ones
};

}  // namespace callgate::index
