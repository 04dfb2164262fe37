// Cases of the language's public conformance suite, as JSON: what to evaluate, and what must come of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/json.hpp>

namespace callgate::cel::testing {

struct Outcome {
  bool passed = false;
  std::string reason;  // why not
};

[[nodiscard]] Outcome run_case(const boost::json::object& test);

// The optional library, or the messages, that a case needs and this implementation does not have; or nothing.
[[nodiscard]] std::string missing_part(const std::string& file, const boost::json::object& test);

}  // namespace callgate::cel::testing
