// Records and their payload in the form of a file.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>

#include "callgate/v1/control.pb.h"

namespace callgate::cli {

class ExportWriter {
 public:
  virtual ~ExportWriter() = default;
  // A record, then its payload; then the next record, or the end.
  virtual void begin(const v1::Record& record) = 0;
  virtual void add(const v1::PayloadChunk& chunk) = 0;
  virtual void end() = 0;
  // After the last record.
  virtual void finish() = 0;
  // Records that the format has no place for.
  [[nodiscard]] virtual std::uint64_t left_out() const { return 0; }
};

// One JSON object a line: the record as `--json` has it, and with payloads an array of their pieces under
// "payloads". Memory is one piece.
[[nodiscard]] std::unique_ptr<ExportWriter> make_jsonl_writer(std::ostream& out, bool payloads);

// HTTP Archive 1.2, HTTP calls only. Memory is the largest body, which is left out, with a comment, above 16
// MiB.
[[nodiscard]] std::unique_ptr<ExportWriter> make_har_writer(std::ostream& out, bool payloads);

}  // namespace callgate::cli
