// Structured logs: one line per event, a stable event name followed by key=value pairs.
//
//   log_info("session_closed", {{"session", to_string(id)}, {"calls", "3"}});
//   -> 2026-01-31T23:59:59.123Z info session_closed session=0000... calls=3
//
// Values are quoted and escaped where needed, so a line is always one line. Payloads, keys and secrets are
// never logged. Any thread may log.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace callgate {

enum class LogLevel { debug, info, warning, error };

using LogField = std::pair<std::string_view, std::string>;

// Sends log lines of at least `level` to standard error, each marked with the program's name. Call once, at
// start.
void start_log(std::string_view program, LogLevel level);

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

inline void log_debug(std::string_view event, std::initializer_list<LogField> fields) {
  log(LogLevel::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields) {
  log(LogLevel::info, event, fields);
}
inline void log_warning(std::string_view event, std::initializer_list<LogField> fields) {
  log(LogLevel::warning, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields) {
  log(LogLevel::error, event, fields);
}

// The text of one line, without time and level: exposed for tests.
[[nodiscard]] std::string format_log_line(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace callgate
