#include "cli/verdicts.hpp"

#include <ostream>

#include <fmt/format.h>

#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {

void print_enrolled(const v1::WorkloadInfo& workload,
                    const google::protobuf::RepeatedPtrField<v1::TrafficVerdict>& verdicts,
                    std::ostream& out) {
  out << safe(fmt::format("{}: workload {}, {}, {}", workload.name(), workload.id(),
                          mode_name(workload.mode()), workload.spiffe_id()))
      << '\n';
  for (const auto& verdict : verdicts) {
    const auto detail = verdict.detail().empty() ? "" : " (" + verdict.detail() + ")";
    out << safe(fmt::format("  {:<14} {}{}", verdict.traffic(), verdict.verdict(), detail)) << '\n';
  }
}

}  // namespace callgate::cli
