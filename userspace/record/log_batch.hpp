// What goes from the recorder's thread to the log's: the records of a batch that is in the journal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "callgate/v1/record.pb.h"
#include "record/ring.hpp"

namespace callgate::record {

struct LogEntry {
  std::size_t offset = 0;  // in the batch's content
  std::size_t size = 0;
  v1::Record record;
};

struct LogBatch {
  std::uint64_t number = 0;
  RingOwner ring;                   // all zero where the batch came from no ring
  std::uint64_t ring_position = 0;  // after it
  std::string content;              // holds the serialized records
  std::vector<LogEntry> entries;
};

}  // namespace callgate::record
