// A line that says how far something is, on terminals only.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

namespace callgate::cli {

// On standard error, where that is a terminal; elsewhere it writes nothing.
class ProgressLine {
 public:
  explicit ProgressLine(std::ostream& err);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Replaces the line, at most ten times a second. `text` must be safe for terminals.
  void show(const std::string& text);
  // Before anything else is written.
  void clear();

 private:
  std::ostream& err_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace callgate::cli
