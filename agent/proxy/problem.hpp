// The answers that callgate itself gives: RFC 9457 problem details, so that a refused developer knows whom to
// ask.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace callgate::proxy {

struct ProblemAnswer {
  int status = 500;
  std::string_view code;    // the last part of the type: https://callgate.dev/problems/CODE
  std::string_view title;   // the same for every occurrence of the code; empty: the status's phrase
  std::string_view detail;  // a sentence on this occurrence
  std::string_view policy;  // these three only where a decision is behind it
  std::string_view rule;
  std::string_view reason;
  std::uint64_t retry_after = 0;  // seconds; 0: not said
  Id session;
  Id call;  // zero where it did not come to a call
};

// A whole HTTP/1.1 response.
[[nodiscard]] std::string make_problem(const ProblemAnswer& answer, bool head_request, bool close);

}  // namespace callgate::proxy
