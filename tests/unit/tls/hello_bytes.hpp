// Hellos put together by hand, and fed to their readers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace callgate::test {

inline std::string number(std::uint64_t value, int size) {
  std::string text;
  for (int at = size - 1; at >= 0; --at)
    text += static_cast<char>(value >> (8 * static_cast<unsigned>(at)));
  return text;
}

inline std::string block(const std::string& content, int length_size) {
  return number(content.size(), length_size) + content;
}

inline std::string extension(std::uint64_t type, const std::string& content) {
  return number(type, 2) + block(content, 2);
}

inline std::string name_extension(const std::string& name) {
  return extension(0, block(number(0, 1) + block(name, 2), 2));
}

inline std::string client_message(const std::string& extensions, std::uint64_t legacy_version = 0x0303) {
  return number(1, 1) +
         block(number(legacy_version, 2) + std::string(32, 'r') + block("session", 1) +
                   block("\x13\x01\x13\x02", 2) + block(std::string(1, '\0'), 1) + block(extensions, 2),
               3);
}

inline std::string server_message(const std::string& extensions, std::uint64_t legacy_version = 0x0303) {
  return number(2, 1) + block(number(legacy_version, 2) + std::string(32, 'r') + block("session", 1) +
                                  "\x13\x01" + std::string(1, '\0') + block(extensions, 2),
                              3);
}

// In records of at most `size` bytes.
inline std::string records(const std::string& handshake, std::size_t size = 16384) {
  std::string text;
  for (std::size_t at = 0; at < handshake.size(); at += size)
    text += std::string("\x16\x03\x01") + block(handshake.substr(at, size), 2);
  return text;
}

// What a reader makes of `bytes` that come in pieces of at most `size`.
template <typename Reader>
auto feed_in_pieces(Reader& reader, std::string_view bytes, std::size_t size) {
  auto read = reader.feed({});
  while (!bytes.empty() && !read.hello && !read.problem) {
    read = reader.feed(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return read;
}

}  // namespace callgate::test
