// Records of a workload, taken in one by one and kept as what a policy needs of them: memory is bounded,
// however many there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "callgate/v1/record.pb.h"
#include "suggest/callers.hpp"
#include "suggest/denials.hpp"
#include "suggest/target_evidence.hpp"

namespace callgate::suggest {

struct EvidenceOptions {
  // More values than this of one segment, under the same beginning of paths, become `*`.
  std::size_t distinct = 32;
  std::size_t targets = 1000;  // further ones are counted, and not covered
  std::size_t nodes = 50'000;  // of all paths; more make `distinct` smaller
};

class Evidence {
 public:
  explicit Evidence(EvidenceOptions options = {}) : options_(options), distinct_(options.distinct) {}

  // In any order; a record counts as often as it is given.
  void add(const v1::Record& record);
  // To be called after the last one.
  void finish();
  // Generalizes more, to make what is suggested shorter; false where it cannot.
  [[nodiscard]] bool squeeze();

  using Targets = std::map<std::pair<std::string, std::uint16_t>, TargetEvidence>;
  [[nodiscard]] const Targets& targets() const { return targets_; }
  [[nodiscard]] const Callers& callers() const { return callers_; }
  [[nodiscard]] const Denials& denials() const { return denials_; }
  [[nodiscard]] const Seen& used() const { return used_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  // Calls that were let go, and that the suggestion does not cover for want of room.
  [[nodiscard]] std::uint64_t not_kept() const { return not_kept_; }
  [[nodiscard]] std::size_t distinct() const { return distinct_; }

 private:
  void use(const v1::Record& record, const RecordedCall& call);
  // Null, and counted, where there is no room or no policy can name it.
  [[nodiscard]] TargetEvidence* target_of(const v1::Record& record, const RecordedCall& call);
  void use_path(const v1::Record& record, const RecordedCall& call, TargetEvidence& target);

  EvidenceOptions options_;
  std::size_t distinct_;
  Targets targets_;
  Callers callers_;
  Denials denials_;
  Seen used_;
  std::uint64_t records_ = 0;
  std::uint64_t not_kept_ = 0;
  std::size_t nodes_ = 0;
  // Observed connections that HTTP was lost in, by session, and bytes that may be the rest of one: such a
  // rest is no call of its own under enforcement.
  std::set<std::string> lost_;
  std::map<std::string, v1::Record> rests_;
};

}  // namespace callgate::suggest
