// What is stored: pieces of what a call carried.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace callgate::payload {

enum class Direction : std::uint8_t { request = 0, response = 1 };
enum class Kind : std::uint8_t { head = 0, body = 1, trailers = 2, stream = 3, salts = 4 };
inline constexpr std::size_t direction_count = 2;
inline constexpr std::size_t kind_count = 5;

struct Piece {
  Direction direction = Direction::request;
  Kind kind = Kind::head;
  std::uint64_t time_ns = 0;  // since 1970
  std::uint64_t offset = 0;   // of the bytes among all of their direction and kind
};

// How long payload is to be kept, in seconds; 0: as long as the node keeps payload by default. What is kept
// equally long lies in the same files.
using RetentionClass = std::uint32_t;

}  // namespace callgate::payload
