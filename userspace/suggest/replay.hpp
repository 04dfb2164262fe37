// Recorded calls against two sets of policies: which would be decided differently.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "callgate/v1/record.pb.h"
#include "policy/document.hpp"
#include "policy/engine.hpp"

namespace callgate::suggest {

// What a set of policies says of a recorded call.
struct Judgement {
  bool decidable = false;
  // As policy::describe says a decision; not decidable: what the record lacks, "headers, query or body".
  std::string text;
  std::string outcome;   // "allow", "deny", "approve", "observe"
  bool named = false;    // by a rule
  bool allowed = false;  // or would be, where it is only observed
};

// One set of policies.
class Judge {
 public:
  Judge(const std::vector<policy::CallPolicy>& policies, policy::Mode default_mode);
  // Of a record that read_call can read.
  [[nodiscard]] Judgement judge(const v1::Record& record) const;

 private:
  [[nodiscard]] Judgement decide(const policy::Caller& caller, const policy::Call& call) const;
  // A connection that says no name: for the address, and for each name that may stand for it.
  [[nodiscard]] Judgement decide_connection(const policy::Caller& caller, const policy::Call& call) const;

  std::unique_ptr<const policy::Engine> engine_;
  std::vector<std::string> names_;  // that decisions about connections depend on
};

// Calls that are decided differently in the same way.
struct DifferentCalls {
  std::string before;
  std::string after;
  bool other_outcome = false;  // not only another rule or reason
  std::string target;          // "api.internal:8080"
  std::string method;          // "http:POST"
  std::uint64_t calls = 0;
  std::string function;  // of an example
  std::string session;   // of it: 16 bytes
};

class Replay {
 public:
  Replay(Judge before, Judge after) : before_(std::move(before)), after_(std::move(after)) {}

  void add(const v1::Record& record);

  // Those with another outcome first, then by their number.
  [[nodiscard]] std::vector<DifferentCalls> different() const;
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t decided() const { return decided_; }  // by both
  // With another outcome; and with the same one, by another rule or for another reason.
  [[nodiscard]] std::uint64_t different_calls() const { return different_calls_; }
  [[nodiscard]] std::uint64_t otherwise_explained() const { return otherwise_explained_; }
  // Calls by what their records lack.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& undecidable() const { return undecidable_; }
  // Records that no policy speaks of: flows without a call, malformed requests.
  [[nodiscard]] std::uint64_t without_decision() const { return without_decision_; }

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string>;

  Judge before_;
  Judge after_;
  std::map<Key, DifferentCalls> different_;
  std::map<std::string, std::uint64_t> undecidable_;
  std::uint64_t records_ = 0;
  std::uint64_t decided_ = 0;
  std::uint64_t different_calls_ = 0;
  std::uint64_t otherwise_explained_ = 0;
  std::uint64_t without_decision_ = 0;
};

}  // namespace callgate::suggest
