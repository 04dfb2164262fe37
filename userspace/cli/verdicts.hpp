// A workload that was just enrolled, and what the kernel does with its traffic.
#pragma once

#include <google/protobuf/repeated_field.h>

#include "callgate/v1/control.pb.h"
#include "cli/output.hpp"

namespace callgate::cli {

void print_enrolled(const v1::WorkloadInfo& workload,
                    const google::protobuf::RepeatedPtrField<v1::TrafficVerdict>& verdicts,
                    std::ostream& out);

}  // namespace callgate::cli
