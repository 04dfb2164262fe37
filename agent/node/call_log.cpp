#include "node/call_log.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "callgate/v1/record.pb.h"
#include "index/outcome_name.hpp"

namespace callgate::node {
namespace {

// Workloads come and go with their names: past this many all further ones share one allowance.
constexpr std::size_t most_workloads = 1024;
// Lines that may come at once after a silence, in seconds of the allowance.
constexpr std::uint64_t burst_seconds = 5;

std::string decision_name(const v1::Decision& decision) {
  if (decision.verdict() == v1::VERDICT_UNSPECIFIED) return "none";
  const std::string name = decision.verdict() == v1::VERDICT_ALLOW ? "allow" : "deny";
  return decision.enforced() ? name : name + "_observed";
}

std::string joined(const std::string& policy, const std::string& rule) {
  return rule.empty() ? policy : policy + "." + rule;
}

}  // namespace

CallLog::Share& CallLog::share_of(const std::string& workload) {
  const auto found = shares_.find(workload);
  if (found != shares_.end()) return found->second;
  const std::string key = shares_.size() < most_workloads ? workload : std::string();
  return shares_.try_emplace(key, Share{TokenBucket(burst_seconds * per_second_, per_second_), 0})
      .first->second;
}

std::optional<CallLog::Line> CallLog::line(const v1::Record& call, std::uint64_t now_ns) {
  if (per_second_ == 0) return std::nullopt;
  Share& share = share_of(call.workload().name());
  if (!share.bucket.take(1, now_ns)) {
    ++share.left_out;
    return std::nullopt;
  }
  Line line;
  line.function = call.kind() == v1::Record::KIND_FLOW ? "none" : call.function();
  if (!call.target().host().empty())
    line.target = fmt::format("{}:{}", call.target().host(), call.target().port());
  line.decision = decision_name(call.decision());
  line.rule = joined(call.decision().policy(), call.decision().rule());
  line.outcome = index::outcome_name(call.outcome());
  line.left_out = std::exchange(share.left_out, 0);
  return line;
}

void CallLog::note(const v1::Record& record, std::uint64_t now_ns) {
  const auto line = this->line(record, now_ns);
  if (!line) return;
  log_info("call", {{"workload", record.workload().name()},
                    {"function", line->function},
                    {"target", line->target},
                    {"decision", line->decision},
                    {"rule", line->rule},
                    {"outcome", line->outcome},
                    {"status", std::to_string(record.status())},
                    {"code", record.error_code()},
                    {"took_us", std::to_string(record.timings().total_us())},
                    {"session", to_hex(as_bytes(record.session_id()))},
                    {"left_out", std::to_string(line->left_out)}});
}

}  // namespace callgate::node
