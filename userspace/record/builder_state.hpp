// What a RecordBuilder holds of open sessions and calls: shared by its parts, included by nobody else.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "callgate/v1/record.pb.h"
#include "record/record_builder.hpp"

namespace callgate::record {

struct RecordBuilder::Direction {
  std::uint64_t body_size = 0;
  std::uint64_t captured = 0;
  bool truncated = false;
  Salt salt{};
  SaltedDigest body;
  SaltedDigest head;
  std::array<std::uint64_t, 4> offsets{};  // bytes that passed, by PayloadKind
};

struct RecordBuilder::Call {
  std::uint64_t session = 0;
  v1::Record record;
  Direction request;
  Direction response;
  std::uint64_t payload_limit = 0;
  std::uint32_t pieces = 0;
  payload::Stream stream;
  std::array<std::uint8_t, 2 * salt_size> salts{};  // of both directions, as they are stored
  bool saved = false;                               // the journal has it open
  bool touched = false;                             // since the journal was told
  bool record_changed = false;                      // the same, of the record alone
};

struct RecordBuilder::Session {
  v1::Record record;  // what all records of the session share
  std::uint32_t open_calls = 0;
  bool had_calls = false;
  bool saved = false;
  bool touched = false;
};

// A record that waits for its digests, or for one before it.
struct RecordBuilder::Ready {
  RecordPosition position;
  Call* call = nullptr;  // among `finished` of its ring; nullptr: the record is `own`
  v1::Record own;
};

// Ids of a ring differ in their counters alone.
struct RecordBuilder::Ring {
  RingOwner owner;
  std::uint64_t position = 0;
  std::unordered_map<std::uint64_t, Session> sessions;
  std::unordered_map<std::uint64_t, std::unique_ptr<Call>> calls;
  // Counters, since the journal was told; of what is gone only where the journal has it open.
  std::vector<std::uint64_t> touched_sessions;
  std::vector<std::uint64_t> touched_calls;
  std::vector<std::uint64_t> closed_sessions;
  std::vector<std::uint64_t> closed_calls;
  std::vector<std::unique_ptr<Call>> finished;  // what they added may still be looked at
};

}  // namespace callgate::record
