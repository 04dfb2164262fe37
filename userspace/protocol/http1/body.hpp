// Content of a message, by its framing (RFC 9112 6 and 7). Internal to the codec.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/http1/lines.hpp"
#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

class BodyReader {
 public:
  // Begins a body; the input of the next step() begins with it. `length` is meant where framing is
  // Framing::length.
  void start(Framing framing, std::uint64_t length, const Limits& limits);
  // Events body, end, need_more and invalid.
  [[nodiscard]] Step step(std::string_view input);
  // The connection ended: Event::end where the content is complete, else Event::invalid.
  [[nodiscard]] Step close();
  // How many of the bytes that come next are content and nothing else; 0 where that is not known.
  [[nodiscard]] std::uint64_t content_left() const { return state_ == State::length ? remaining_ : 0; }
  [[nodiscard]] const std::vector<Field>& trailers() const { return trailers_; }
  [[nodiscard]] const Problem& problem() const { return *problem_; }

 private:
  enum class State : std::uint8_t {
    length,
    until_close,
    chunk_line,
    chunk_data,
    chunk_end,
    trailers,
    failed
  };

  [[nodiscard]] Step fail(const Problem& problem);
  [[nodiscard]] Step read_length(std::string_view input);
  [[nodiscard]] Step read_until_close(std::string_view input);
  [[nodiscard]] Step read_chunk_data(std::string_view input);
  [[nodiscard]] Step read_trailers(std::string_view input);
  // Returns true where the state has changed, so that reading goes on; else `out` is what to return.
  [[nodiscard]] bool read_chunk_line(std::string_view input, Step& out);
  [[nodiscard]] bool read_chunk_end(std::string_view input, Step& out);
  void begin_chunk_line(std::size_t offset);

  State state_ = State::length;
  // Of the content or chunk; for until_close and chunked, allowance_ is what the limit leaves for all that
  // follows.
  std::uint64_t remaining_ = 0;
  std::uint64_t allowance_ = 0;
  std::size_t data_offset_ =
      0;  // bytes of chunk framing at the front of the input, read but not consumed yet
  std::size_t chunk_line_limit_ = 0;
  std::size_t trailer_limit_ = 0;
  std::size_t field_count_limit_ = 0;
  LineScanner lines_;
  FieldScanner fields_;
  std::vector<Field> trailers_;
  const Problem* problem_ = nullptr;
};

}  // namespace callgate::http1
