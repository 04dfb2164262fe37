// Comma-separated values as RFC 4180 has them, for spreadsheets: a title line, lines that end in CR LF.
//
// Values come from workloads and targets. Control characters are escaped as on terminals (\n, \x1b), and what
// a spreadsheet would take for a formula (= + - @ first) gets an apostrophe in front.
#pragma once

#include <string>
#include <vector>

#include "callgate/v1/record.pb.h"

namespace callgate::cli {

[[nodiscard]] std::string csv_line(const std::vector<std::string>& values);

[[nodiscard]] std::vector<std::string> record_csv_titles();
[[nodiscard]] std::vector<std::string> record_csv_values(const v1::Record& record);

}  // namespace callgate::cli
