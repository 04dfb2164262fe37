#include "cli/csv.hpp"

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"
#include "inquiry/column.hpp"

namespace callgate::cli {
namespace {

std::string quoted(const std::string& value) {
  auto text = safe(value);
  if (!text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos)
    text.insert(text.begin(), '\'');
  if (text.find_first_of(",\"") == std::string::npos &&
      (text.empty() || (text.front() != ' ' && text.back() != ' ')))
    return text;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}

std::string time_text(std::uint64_t nanoseconds) {
  return nanoseconds == 0 ? std::string() : format_time(nanoseconds);
}

std::string number(std::uint64_t value) {
  return value == 0 ? std::string() : std::to_string(value);
}

}  // namespace

std::string csv_line(const std::vector<std::string>& values) {
  std::string line;
  for (std::size_t index = 0; index < values.size(); ++index)
    line += (index == 0 ? "" : ",") + quoted(values[index]);
  return line + "\r\n";
}

std::vector<std::string> record_csv_titles() {
  return {"opened",   "closed",      "session",    "call",     "kind",         "workload",
          "identity", "namespace",   "process",    "pid",      "function",     "host",
          "port",     "destination", "decision",   "policy",   "rule",         "reason",
          "outcome",  "status",      "error_code", "total_us", "request_size", "response_size"};
}

std::vector<std::string> record_csv_values(const v1::Record& record) {
  const auto& decision = record.decision();
  return {time_text(record.opened_ns()),
          time_text(record.closed_ns()),
          to_hex(as_bytes(record.session_id())),
          to_hex(as_bytes(record.call_id())),
          kind_name(record),
          record.workload().name(),
          record.workload().spiffe_id(),
          std::string(inquiry::namespace_of(record)),
          record.process().exe_path(),
          number(record.process().tgid()),
          record.function(),
          record.target().host(),
          number(inquiry::port_of(record)),
          show_endpoint(record.destination()),
          std::string(inquiry::decision_of(record)),
          decision.policy(),
          decision.rule(),
          decision.reason(),
          std::string(inquiry::outcome_of(record)),
          number(record.status()),
          record.error_code(),
          std::to_string(record.timings().total_us()),
          std::to_string(record.request().size()),
          std::to_string(record.response().size())};
}

}  // namespace callgate::cli
