// What a rule asks of an allowed call beyond letting it pass: plain values shared by documents and decisions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace callgate::policy {

// What a call waits for; the later ones promise more.
enum class Durability : std::uint8_t {
  async,    // nothing: where there is no space for its record, it goes on without, and a gap is recorded
  written,  // "call opened" is in the ring before the call leaves
  synced,   // it is on disk before the call leaves
};

struct RecordRequirement {
  bool payloads = true;                 // false: digests and sizes only
  std::uint64_t payload_limit = ~0ULL;  // bytes a direction, the lower of this and the agent's own limit
  Durability durability = Durability::written;
  std::chrono::seconds retain{0};  // 0: as the agent's configuration says

  bool operator==(const RecordRequirement&) const = default;
};

// Who has to say yes to a call that a rule with `action: approve` matches.
struct Approval {
  std::vector<std::string> approvers;  // "group:finance", "user:ada"
  std::uint32_t count = 1;             // that many of them
  std::chrono::seconds hold{30};       // how long the call waits
  std::chrono::seconds grant{600};     // how long the answer is good for

  bool operator==(const Approval&) const = default;
};

// What must not reach the other side, nor the record. One of the fields is set.
struct Mask {
  std::vector<std::string> detect;  // names of detectors
  std::string json;                 // a path into a JSON body: "$.customer.ssn"
  std::string header;               // the name of a header

  bool operator==(const Mask&) const = default;
};

// A secret that the agent puts into the call, and the caller never sees.
struct CredentialUse {
  std::string from;    // name of a configured source
  std::string header;  // gets `format`
  std::string format;  // text in which "{secret}" stands for it

  bool operator==(const CredentialUse&) const = default;
};

// What calls are counted by: each combination of values has a count of its own.
enum class LimitKey : std::uint8_t { caller, process, subject, function, target };

// How much may be called in a period, which begins with a call and lasts for `per`.
struct Limit {
  std::optional<std::uint64_t> calls;
  std::optional<std::uint64_t> bytes;  // of bodies, both directions together
  std::chrono::seconds per{0};
  std::vector<LimitKey> by;  // ascending, each once; empty: one count for all

  bool operator==(const Limit&) const = default;
};

struct Obligations {
  std::optional<Approval> approval;
  std::vector<Mask> masks;
  std::optional<CredentialUse> credential;
  std::vector<Limit> limits;
  std::optional<RecordRequirement> record;  // instead of the policy's own

  bool operator==(const Obligations&) const = default;
};

}  // namespace callgate::policy
