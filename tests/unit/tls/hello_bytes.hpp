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

// A HelloRetryRequest (RFC 8446 section 4.1.3).
inline std::string retry_message(const std::string& extensions = extension(43, "\x03\x04"),
                                 std::uint64_t legacy_version = 0x0303) {
  const std::string random =
      "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
      "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
  return server_message(extensions, legacy_version).replace(6, random.size(), random);
}

// A record of another kind than a handshake's.
inline std::string other_record(std::uint64_t content, const std::string& bytes) {
  return number(content, 1) + "\x03\x03" + block(bytes, 2);
}

inline const std::string change_cipher_spec = other_record(20, "\x01");

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
