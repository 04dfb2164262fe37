// Finds the frames of a file one after the other, damaged places or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "payload/format.hpp"

namespace callgate::payload {

struct Frame {
  std::uint64_t offset = 0;
  std::variant<BlockHeader, KeyHeader> header;
};

class FrameScanner {
 public:
  // Looks at the first `size` bytes of a file, which must stay open.
  FrameScanner(int fd, std::string path, std::uint64_t size) : fd_(fd), path_(std::move(path)), size_(size) {}

  // The next frame that is whole, nothing at the end. Between frames it looks for the next sound header byte
  // by byte. Errors: system errors.
  [[nodiscard]] Result<std::optional<Frame>> next();
  // Bytes so far that belong to no frame: damaged, or the torn end of the file.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  [[nodiscard]] Result<Bytes> peek();

  int fd_;
  std::string path_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::uint64_t skipped_ = 0;
  std::vector<std::uint8_t> window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace callgate::payload
