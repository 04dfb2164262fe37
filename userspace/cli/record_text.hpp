// Records as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/v1/control.pb.h"
#include "cli/output.hpp"

namespace callgate::cli {

// The columns and the row of one record in lists.
[[nodiscard]] std::vector<Column> record_columns();
[[nodiscard]] std::vector<Cell> record_row(const v1::Record& record);
// One line of `sessions tail`.
[[nodiscard]] std::string record_line(const v1::Record& record, const Output& output);

// "allowed", "denied (observed)", …: the decision as one word or two.
[[nodiscard]] std::string decision_text(const v1::Record& record);
[[nodiscard]] Colour outcome_colour(v1::Outcome outcome);

// Who, what, where, why, when, how much.
void print_record(const v1::Record& record, const Output& output);

// Prints the payloads of one record as they come in, a heading for each direction and kind.
class PayloadPrinter {
 public:
  explicit PayloadPrinter(const Output& output) : output_(output) {}
  void add(const v1::PayloadChunk& chunk);
  // Prints what is left; call before the next record, and at the end.
  void finish();

 private:
  const Output& output_;
  bool open_ = false;
  v1::PayloadChunk current_;  // direction, kind and what came of it
};

}  // namespace callgate::cli
