// What a RecordBuilder holds of open sessions and calls: shared by its parts, included by nobody else.
#pragma once

#include <array>
#include <unordered_map>

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
  std::uint64_t last_payload = 0;
  std::uint32_t frames = 0;
};

struct RecordBuilder::Session {
  v1::Record record;  // what all records of the session share
  std::uint32_t calls = 0;
  std::uint32_t open_calls = 0;
};

// Ids of a ring differ in their counters alone.
struct RecordBuilder::Ring {
  RingOwner owner;
  std::uint64_t position = 0;
  std::uint64_t lost_calls = 0;
  std::unordered_map<std::uint64_t, Session> sessions;
  std::unordered_map<std::uint64_t, std::unique_ptr<Call>> calls;
};

}  // namespace callgate::record
