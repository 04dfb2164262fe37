// Payload as people read it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "callgate/v1/control.pb.h"
#include "cli/http_head.hpp"
#include "cli/output.hpp"

namespace callgate::cli {

// "request body", "response head".
[[nodiscard]] std::string payload_title(v1::PayloadChunk::Direction direction, v1::PayloadChunk::Kind kind);
// "expired: retention has removed it"; empty for what is present.
[[nodiscard]] std::string payload_loss(const v1::PayloadChunk& chunk);

// Prints the payloads of records as they come in, a heading for each direction and kind. Bodies up to 1 MiB
// are shown by their type; longer ones piece by piece, as text or hex dump, so that memory is bounded.
class PayloadPrinter {
 public:
  explicit PayloadPrinter(const Output& output) : output_(output) {}

  // Whose payload comes next; prints what is left of the one before.
  void begin(const v1::Record& record);
  void add(const v1::PayloadChunk& chunk);
  // Prints what is left.
  void finish();
  // Whether there was payload that should have been there, and could not be read.
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  void print_piece(bool last);
  void print_mark(const std::string& text, Colour colour);
  void print_loss(const v1::PayloadChunk& chunk);
  void print_cut(const v1::PayloadChunk& chunk);
  [[nodiscard]] const v1::Content& content() const;

  const Output& output_;
  v1::Record record_;
  std::array<HttpHead, 2> heads_;  // by direction
  bool open_ = false;
  bool damaged_ = false;
  v1::PayloadChunk::Direction direction_ = v1::PayloadChunk::DIRECTION_REQUEST;
  v1::PayloadChunk::Kind kind_ = v1::PayloadChunk::KIND_HEAD;
  std::string bytes_;         // that were not printed yet
  std::uint64_t offset_ = 0;  // of them
  bool in_pieces_ = false;    // something of this kind was printed already
  bool cut_ = false;          // bytes are missing
};

}  // namespace callgate::cli
