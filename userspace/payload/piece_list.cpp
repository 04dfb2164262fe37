#include "payload/piece_list.hpp"

#include <algorithm>

#include "payload/format.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t copied_size = 4096;  // pieces up to this size are copied
constexpr unsigned direction_bit = 3;
constexpr unsigned kind_mask = 7;
constexpr unsigned offset_flag = 16;
constexpr std::size_t largest_number = 10;  // bytes of 64 bits, seven in each
constexpr std::size_t largest_piece_header = 1 + 3 * largest_number;

static_assert(block_size + largest_piece_header <= largest_plain);

std::uint8_t* put_number(std::uint8_t* place, std::uint64_t number) {
  while (number >= 0x80) {
    *place++ = static_cast<std::uint8_t>(number | 0x80U);
    number >>= 7U;
  }
  *place++ = static_cast<std::uint8_t>(number);
  return place;
}

bool take_number(Bytes& bytes, std::uint64_t& number) {
  number = 0;
  for (std::size_t at = 0; at < std::min(bytes.size(), largest_number); ++at) {
    const std::uint64_t bits = bytes[at] & 0x7fU;
    if (at + 1 == largest_number && bits > 1) return false;
    number |= bits << (7 * at);
    if ((bytes[at] & 0x80U) == 0) {
      bytes = bytes.subspan(at + 1);
      return true;
    }
  }
  return false;
}

// Differences wrap around, so that any two times have one.
std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1U) ^ (0 - (difference >> 63U));
}
std::uint64_t unzigzag(std::uint64_t number) {
  return (number >> 1U) ^ (0 - (number & 1U));
}

Error bad_pieces() {
  return make_error("bad_pieces", "the pieces of a block do not fit together");
}

}  // namespace

std::size_t PieceListBuilder::add(const Piece& piece, Bytes bytes) {
  const std::size_t room = size_ < block_size ? block_size - size_ : 1;
  const Bytes taken = bytes.first(std::min(bytes.size(), room));
  std::uint64_t& expected = offsets_.of(piece);
  const bool has_offset = piece.offset != expected;
  std::uint8_t header[largest_piece_header];
  header[0] = static_cast<std::uint8_t>(static_cast<unsigned>(piece.kind) |
                                        static_cast<unsigned>(piece.direction) << direction_bit |
                                        (has_offset ? offset_flag : 0U));
  std::uint8_t* end = put_number(header + 1, zigzag(piece.time_ns - last_time_));
  if (has_offset) end = put_number(end, piece.offset);
  end = put_number(end, taken.size());
  copy(Bytes(header, static_cast<std::size_t>(end - header)));
  if (taken.size() <= copied_size) {
    copy(taken);
  } else {
    parts_.push_back({taken.data(), 0, taken.size()});
    size_ += taken.size();
  }
  last_time_ = piece.time_ns;
  expected = piece.offset + taken.size();
  return taken.size();
}

void PieceListBuilder::copy(Bytes bytes) {
  if (parts_.empty() || parts_.back().outside != nullptr) parts_.push_back({nullptr, copied_.size(), 0});
  parts_.back().size += bytes.size();
  copied_.insert(copied_.end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
}

bool PieceListBuilder::full() const {
  return size_ >= block_size;
}

const std::vector<Bytes>& PieceListBuilder::parts() {
  views_.clear();
  for (const Part& part : parts_)
    views_.emplace_back(part.outside != nullptr ? part.outside : copied_.data() + part.offset, part.size);
  return views_;
}

void PieceListBuilder::clear() {
  copied_.clear();
  parts_.clear();
  views_.clear();
  size_ = 0;
  last_time_ = 0;
  offsets_ = {};
}

Result<PieceView> PieceListReader::next() {
  PieceView view;
  if (left_.empty()) return bad_pieces();
  const unsigned first = left_[0];
  left_ = left_.subspan(1);
  if ((first & kind_mask) >= kind_count || first >= 2 * offset_flag) return bad_pieces();
  view.piece.kind = static_cast<Kind>(first & kind_mask);
  view.piece.direction = static_cast<Direction>((first >> direction_bit) & 1U);
  std::uint64_t number = 0;
  if (!take_number(left_, number)) return bad_pieces();
  last_time_ += unzigzag(number);
  view.piece.time_ns = last_time_;
  std::uint64_t& expected = offsets_.of(view.piece);
  view.piece.offset = expected;
  if ((first & offset_flag) != 0 && !take_number(left_, view.piece.offset)) return bad_pieces();
  if (!take_number(left_, number) || number > left_.size()) return bad_pieces();
  view.bytes = left_.first(static_cast<std::size_t>(number));
  left_ = left_.subspan(view.bytes.size());
  expected = view.piece.offset + number;
  return view;
}

}  // namespace callgate::payload
