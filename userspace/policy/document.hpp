// Policy documents: what a CallPolicy says, parsed strictly from YAML, with the place of everything wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace callgate::policy {

// The model of one document (metadata, spec.mode, callers, targets, rules, record) is declared here: plain data with
// patterns kept as written. Engine::compile turns it into matchers.
struct CallPolicy;

// One thing wrong with a document. Lines and columns count from 1.
struct Finding {
  enum class Severity : std::uint8_t { error, warning };
  Severity severity = Severity::error;
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;  // what is wrong
  std::string hint;     // what to write instead; may be empty
};

struct ParsedFile {
  std::vector<CallPolicy> policies;  // empty if there is any error
  std::vector<Finding> findings;
};

// Parses every document of a YAML text. `file` names it in findings. Anything unknown, misspelt, duplicate or not yet
// supported by this build is an error, and one error rejects the whole text.
[[nodiscard]] ParsedFile parse_policies(std::string_view text, std::string_view file);

// "payments.yaml:12:7: error: unknown field `taget`", the offending line with a caret, and the hint.
[[nodiscard]] std::string format_finding(const Finding& finding, std::string_view text);

}  // namespace callgate::policy
