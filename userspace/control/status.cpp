#include "control/status.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace callgate::control {
namespace {

using grpc::StatusCode;

constexpr std::array<std::pair<std::string_view, StatusCode>, 14> codes{{
    {"not_found", StatusCode::NOT_FOUND},
    {"denied", StatusCode::PERMISSION_DENIED},
    {"identity_not_granted", StatusCode::PERMISSION_DENIED},
    {"invalid", StatusCode::INVALID_ARGUMENT},
    {"bad_name", StatusCode::INVALID_ARGUMENT},
    {"bad_id", StatusCode::INVALID_ARGUMENT},
    {"ambiguous", StatusCode::INVALID_ARGUMENT},
    {"exists", StatusCode::FAILED_PRECONDITION},
    {"busy", StatusCode::FAILED_PRECONDITION},
    {"refused", StatusCode::FAILED_PRECONDITION},
    {"too_large", StatusCode::RESOURCE_EXHAUSTED},
    {"too_many", StatusCode::RESOURCE_EXHAUSTED},
    {"unavailable", StatusCode::UNAVAILABLE},
    {"cancelled", StatusCode::CANCELLED},
}};

constexpr std::size_t longest_message = 4096;

// The details come from the agent, or from whoever listens in its place.
bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

}  // namespace

grpc::Status to_status(const Error& error) {
  const auto known =
      std::find_if(codes.begin(), codes.end(), [&](const auto& entry) { return entry.first == error.code; });
  const auto code = known == codes.end() ? StatusCode::INTERNAL : known->second;
  return {code, error.message.substr(0, longest_message), error.code};
}

Error from_status(const grpc::Status& status) {
  if (is_code(status.error_details())) return {status.error_details(), status.error_message()};
  switch (status.error_code()) {
    case StatusCode::DEADLINE_EXCEEDED:
      return {"timed_out", "callgated did not answer in time: see its log"};
    case StatusCode::UNAVAILABLE:
      return {"agent_unreachable",
              "the connection to callgated broke: see its log (" + status.error_message() + ")"};
    case StatusCode::UNIMPLEMENTED:
      return {"not_supported",
              "this callgated does not know the request: it is of another version than this command"};
    case StatusCode::RESOURCE_EXHAUSTED:
      return {"too_large", "the answer is larger than this command accepts, or callgated is busy (" +
                               status.error_message() + ")"};
    case StatusCode::CANCELLED:
      return {"cancelled", "callgated ended the request: it is probably stopping"};
    case StatusCode::PERMISSION_DENIED:
      return {"denied", status.error_message()};
    default:
      return {"internal", "callgated failed: " + status.error_message()};
  }
}

}  // namespace callgate::control
