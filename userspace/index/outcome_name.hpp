// The names of outcomes, as logs, metrics and people see them.
#pragma once

#include <string>

#include "callgate/v1/record.pb.h"

namespace callgate::index {

// "completed"; "unknown" for what has no name.
[[nodiscard]] inline std::string outcome_name(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_COMPLETED:
      return "completed";
    case v1::OUTCOME_DENIED:
      return "denied";
    case v1::OUTCOME_REFUSED:
      return "refused";
    case v1::OUTCOME_FAILED:
      return "failed";
    case v1::OUTCOME_CALLER_ABORTED:
      return "caller_aborted";
    case v1::OUTCOME_INTERRUPTED:
      return "interrupted";
    default:
      return "unknown";
  }
}

}  // namespace callgate::index
