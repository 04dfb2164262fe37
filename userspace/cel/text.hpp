// Texts as sequences of Unicode code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cel/arena.hpp"

namespace callgate::cel {

[[nodiscard]] bool is_utf8(std::string_view text);
[[nodiscard]] std::size_t count_points(std::string_view text);

// Where each code point of a text begins.
class Points {
 public:
  // usable() is false where the arena has no room.
  Points(std::string_view text, Arena& arena);
  [[nodiscard]] bool usable() const { return starts_ != nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // From one code point to before another.
  [[nodiscard]] std::string_view part(std::size_t from, std::size_t to) const {
    return text_.substr(starts_[from], starts_[to] - starts_[from]);
  }
  // The code point that the byte at `offset` begins.
  [[nodiscard]] std::size_t index_of(std::size_t offset) const;

 private:
  std::string_view text_;
  std::size_t* starts_;
  std::size_t size_ = 0;
};

// The shortest text that reads back as the same number; "NaN", "Infinity", "-Infinity".
[[nodiscard]] std::string real_text(double value);

}  // namespace callgate::cel
