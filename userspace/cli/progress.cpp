#include "cli/progress.hpp"

#include <ostream>

#include <unistd.h>

namespace callgate::cli {

ProgressLine::ProgressLine(std::ostream& err) : err_(err), terminal_(::isatty(STDERR_FILENO) != 0) {}

void ProgressLine::show(const std::string& text) {
  constexpr std::chrono::milliseconds interval{100};
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (shown_ && now - last_ < interval)) return;
  err_ << '\r' << text << "\x1b[K" << std::flush;
  shown_ = true;
  last_ = now;
}

void ProgressLine::clear() {
  if (!shown_) return;
  err_ << "\r\x1b[K" << std::flush;
  shown_ = false;
}

}  // namespace callgate::cli
