// Reads TLS's presentation language (RFC 8446 section 3): big-endian numbers, and blocks behind their length.
// What is not there reads as zero or empty, and is remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callgate::tls {

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  // Of `size` bytes, at most 8.
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char byte : take(size))
      value = (value << 8U) | static_cast<unsigned char>(byte);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  // Bytes behind a length of `length_size` bytes.
  std::string_view block(std::size_t length_size) {
    return take(static_cast<std::size_t>(number(length_size)));
  }

  // Nothing was missing so far, and nothing is left.
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace callgate::tls
