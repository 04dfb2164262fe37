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

}  // namespace callgate::cli
