#include "payload/frame_scanner.hpp"

#include <algorithm>

#include "base/append_file.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t window_size = 64U << 10U;
constexpr std::size_t largest_header = std::max(sizeof(BlockHeader), sizeof(KeyHeader));

}  // namespace

// What there is at at_: a header's worth, or what is left of the file.
Result<Bytes> FrameScanner::peek() {
  const std::uint64_t wanted = std::min<std::uint64_t>(largest_header, size_ - at_);
  if (at_ < window_at_ || at_ + wanted > window_at_ + window_.size()) {
    window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(window_size, size_ - at_)));
    window_at_ = at_;
    CALLGATE_TRY(read_at(fd_, window_, at_, path_));
  }
  return Bytes(window_).subspan(static_cast<std::size_t>(at_ - window_at_), static_cast<std::size_t>(wanted));
}

Result<std::optional<Frame>> FrameScanner::next() {
  while (at_ < size_) {
    const auto bytes = peek();
    if (!bytes) return bytes.error();
    Frame frame{at_, {}};
    if (const auto block = parse_block_header(*bytes); block && frame_size(*block) <= size_ - at_) {
      frame.header = *block;
      at_ += frame_size(*block);
      return std::optional(frame);
    }
    if (const auto key = parse_key_header(*bytes)) {
      frame.header = *key;
      at_ += sizeof(KeyHeader);
      return std::optional(frame);
    }
    ++at_;
    ++skipped_;
  }
  return std::optional<Frame>();
}

}  // namespace callgate::payload
