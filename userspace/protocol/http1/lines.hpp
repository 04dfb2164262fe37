// Lines and field sections: what heads and trailers are made of. Internal to the codec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

// Finds lines in an input that grows between calls, and looks at each byte once.
class LineScanner {
 public:
  enum class Outcome : std::uint8_t { line, more, bare_lf, too_long };

  // Begins at `offset` of the input; lines with their ends must lie within the next `limit` bytes.
  void begin(std::size_t offset, std::size_t limit) {
    line_begin_ = scanned_ = offset;
    end_ = limit < max_size - offset ? offset + limit : max_size;
  }
  // The next line, without its CR LF.
  [[nodiscard]] Outcome next(std::string_view input, std::string_view& line);
  // Where the next line begins: what came before has been given out.
  [[nodiscard]] std::size_t position() const { return line_begin_; }

 private:
  static constexpr std::size_t max_size = 1U << 30U;  // field positions are kept in 32 bits

  std::size_t line_begin_ = 0;
  std::size_t scanned_ = 0;
  std::size_t end_ = max_size;
};

// Reads field lines up to and including the empty line that ends them.
class FieldScanner {
 public:
  enum class Outcome : std::uint8_t { done, more, failed };

  void begin(std::size_t field_count_limit) {
    spans_.clear();
    limit_ = field_count_limit;
  }
  // Takes lines from `lines`. `too_large` is the problem to report where they exceed the scanner's limit.
  [[nodiscard]] Outcome scan(LineScanner& lines, std::string_view input, const Problem& too_large);
  // After Outcome::done, with the same input: the fields as views of it.
  void views(std::string_view input, std::vector<Field>& fields) const;
  [[nodiscard]] const Problem& problem() const { return *problem_; }

 private:
  // Positions and not views: the input may lie elsewhere at the next call.
  struct Span {
    std::uint32_t name = 0;
    std::uint32_t name_size = 0;
    std::uint32_t value = 0;
    std::uint32_t value_size = 0;
  };
  [[nodiscard]] const Problem* add(std::string_view line, std::size_t offset);

  std::vector<Span> spans_;
  std::size_t limit_ = 0;
  const Problem* problem_ = nullptr;
};

// The problem of a line that has bytes which no field text may have: bare_cr or control_byte.
[[nodiscard]] const Problem& bad_byte(std::string_view line);

}  // namespace callgate::http1
