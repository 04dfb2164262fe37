// The plain content of a block: pieces, one after the other.
//
// A piece is a byte (bits 0..2 its kind, bit 3 its direction, bit 4 whether an offset follows), its time,
// its offset if that is not where the piece of its direction and kind before it in the block ended (0 for the
// first one), its size, and its bytes. Numbers are base-128, least significant first (as in protobuf); times
// are the difference to the piece before, as zigzag.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "payload/piece.hpp"

namespace callgate::payload {

// Each piece's place, and where its next one is expected to begin.
class OffsetTable {
 public:
  [[nodiscard]] std::uint64_t& of(const Piece& piece) {
    return next_[static_cast<std::size_t>(piece.direction)][static_cast<std::size_t>(piece.kind)];
  }

 private:
  std::array<std::array<std::uint64_t, kind_count>, direction_count> next_{};
};

// Gathers pieces. Small ones are copied; of others the bytes must stay where they are until clear().
class PieceListBuilder {
 public:
  // Adds as much of `bytes` as has room in the block, at least one byte if there are any; returns how much.
  std::size_t add(const Piece& piece, Bytes bytes);
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t size() const { return size_; }
  // The content in order, as views that are valid until the next call of add() or clear().
  [[nodiscard]] const std::vector<Bytes>& parts();
  void clear();

 private:
  void copy(Bytes bytes);

  struct Part {
    const std::uint8_t* outside;  // nullptr: at `offset` of copied_
    std::size_t offset;
    std::size_t size;
  };
  std::vector<std::uint8_t> copied_;
  std::vector<Part> parts_;
  std::vector<Bytes> views_;
  std::size_t size_ = 0;
  std::uint64_t last_time_ = 0;
  OffsetTable offsets_;
};

struct PieceView {
  Piece piece;
  Bytes bytes;
};

// Takes the content of a block apart.
class PieceListReader {
 public:
  explicit PieceListReader(Bytes content) : left_(content) {}
  [[nodiscard]] bool at_end() const { return left_.empty(); }
  // The next piece; error bad_pieces where the content is none of a builder's.
  [[nodiscard]] Result<PieceView> next();

 private:
  Bytes left_;
  std::uint64_t last_time_ = 0;
  OffsetTable offsets_;
};

}  // namespace callgate::payload
