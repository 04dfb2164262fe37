// A whole terminal for one picture after the other. The terminal is as it was before when this is destroyed,
// and when SIGINT or SIGTERM ends the program.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace callgate::cli {

class Screen {
 public:
  // Standard input and output are a terminal. One at a time.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    std::size_t columns = 80;
    std::size_t rows = 24;
  };
  // Of now: the window may have changed.
  [[nodiscard]] static Size size();
  // Replaces the picture. Lines must fit.
  void show(const std::string& text) const;
  // Waits; true if somebody pressed q.
  [[nodiscard]] bool wait(std::chrono::milliseconds time) const;
};

}  // namespace callgate::cli
