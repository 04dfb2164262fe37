// Errors of callgate as statuses of gRPC, and back: the code travels in the status details.
#pragma once

#include <grpcpp/support/status.h>

#include "base/result.hpp"

namespace callgate::control {

[[nodiscard]] grpc::Status to_status(const Error& error);
// Of a status that is not OK. Codes of statuses that did not come from a backend: denied, timed_out,
// agent_unreachable, not_supported, too_large, cancelled, internal.
[[nodiscard]] Error from_status(const grpc::Status& status);

}  // namespace callgate::control
