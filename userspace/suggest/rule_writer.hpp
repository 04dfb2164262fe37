// The rules of a suggestion.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "suggest/evidence.hpp"
#include "suggest/patterns.hpp"

namespace callgate::suggest {

// Rules hold for all targets of a document. So functions name the host, and conditions the port, wherever a
// document has more than one of them.
class RuleWriter {
 public:
  explicit RuleWriter(const Evidence& evidence);

  // Lines of YAML below `rules:`, with comments.
  [[nodiscard]] std::string lines();
  [[nodiscard]] std::size_t functions() const { return functions_; }
  // Of the target that has most of them.
  [[nodiscard]] std::size_t most_functions() const { return most_functions_; }

 private:
  struct Line {
    std::string comment;
    std::string function;
  };
  // What the host and port of a target add to a function and to a condition.
  [[nodiscard]] std::string host_in_function(const TargetEvidence& target) const;
  [[nodiscard]] std::string port_condition(const TargetEvidence& target) const;

  void write_target(const TargetEvidence& target);
  void write_odd_methods(const TargetEvidence& target, const std::vector<HttpFunction>& functions);
  void write_rule(const std::string& name, const std::vector<Line>& lines, const std::string& when,
                  bool allow);
  void write_denials(const TargetEvidence& target, const std::vector<HttpFunction>& functions);
  void write_odd_denial(const TargetEvidence& target, const Denial& denial, const std::string& comment);
  [[nodiscard]] std::string unique_name(const TargetEvidence& target, std::string_view what);
  [[nodiscard]] const std::vector<const Denial*>& denials_of(const TargetEvidence& target) const;
  [[nodiscard]] std::uint64_t denied_of(const TargetEvidence& target, const HttpFunction& function) const;

  const Evidence& evidence_;
  std::vector<const TargetEvidence*> targets_;
  std::multiset<std::string> hosts_;
  std::map<std::pair<std::string, std::uint16_t>, std::vector<const Denial*>> denied_;  // of HTTP, by target
  std::set<std::string> names_;
  std::string out_;
  std::string denials_;
  std::size_t functions_ = 0;
  std::size_t most_functions_ = 0;
};

// Whether anything of it can be in a suggestion.
[[nodiscard]] bool has_functions(const TargetEvidence& target);

}  // namespace callgate::suggest
