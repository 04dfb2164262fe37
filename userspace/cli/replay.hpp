// A session played as it went: what passed in which direction, when.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "callgate/v1/control.pb.h"
#include "cli/output.hpp"

namespace callgate::cli {

// Prints parts of a session that come in the order of time, and asks for the time between them. Its memory is
// one chunk, whatever the session's length.
class Replay {
 public:
  // Waits so long, or for somebody's consent. False: the replay is over.
  using Wait = std::function<bool(std::chrono::nanoseconds)>;

  Replay(const Output& output, Wait wait) : output_(output), wait_(std::move(wait)) {}

  // False: nobody reads it any more.
  bool add(const v1::ShowSessionPart& part);
  bool finish();
  // Whether there was payload that should have been there, and could not be read.
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  bool pass_time(std::uint64_t now);
  bool add(const v1::Record& record);
  bool add(const v1::PayloadChunk& chunk);
  bool end_call();
  void print_time(std::uint64_t now, v1::PayloadChunk::Direction direction, const std::string& text) const;

  const Output& output_;
  Wait wait_;
  std::uint64_t start_ns_ = 0;  // of the session; 0: nothing has come yet
  std::uint64_t now_ns_ = 0;    // the time that was played last
  std::optional<v1::Record> record_;
  bool damaged_ = false;
  // Of each direction, the bytes of a character whose rest is still to come.
  std::array<std::string, 2> halves_;
};

// "2", "0.5", "10x" as a factor, "max" or "0" as 0, which does not wait at all; nothing: it is none.
[[nodiscard]] std::optional<double> parse_speed(const std::string& text);

}  // namespace callgate::cli
