// Why a call or a flow was not served: what its caller is told, and what its record says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace callgate::proxy {

struct Failure {
  int status = 502;  // HTTP status for the caller
  std::string code;  // stable, lower snake case
  std::string detail;
  // Of a limit: whose it is.
  std::string policy = {};
  std::string rule = {};
  std::uint64_t retry_after = 0;  // seconds after which to try again; 0: nobody knows
};

}  // namespace callgate::proxy
