// Ids of sessions and calls: 128 bits, never reused.
//
// An id is (generation, thread, counter). Every launch of a callgate-proxy draws a generation that no launch
// on this node has had before; within it each thread counts on its own. Session and call ids come from the
// same counter.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace callgate {

struct Id {
  std::uint32_t generation = 0;
  std::uint32_t thread = 0;
  std::uint64_t counter = 0;

  auto operator<=>(const Id&) const = default;
  [[nodiscard]] bool is_zero() const { return generation == 0 && thread == 0 && counter == 0; }
};
static_assert(sizeof(Id) == 16);

// 32 lower-case hexadecimal digits: generation, thread, counter, most significant digit first.
[[nodiscard]] std::string to_string(const Id& id);
// The inverse; error bad_id.
[[nodiscard]] Result<Id> parse_id(std::string_view text);

// 16 bytes: generation, thread, counter, each big endian.
[[nodiscard]] std::string id_bytes(const Id& id);
// Zero where `bytes` is no id.
[[nodiscard]] Id id_from_bytes(std::string_view bytes);

struct IdHash {
  std::size_t operator()(const Id& id) const noexcept {
    return static_cast<std::size_t>((id.counter * 0x9e3779b97f4a7c15ULL) ^
                                    ((std::uint64_t{id.generation} << 32U) | id.thread));
  }
};

// Hands out the ids of one thread.
class IdSource {
 public:
  IdSource(std::uint32_t generation, std::uint32_t thread) : next_{generation, thread, 0} {}
  [[nodiscard]] Id next() {
    ++next_.counter;
    return next_;
  }

 private:
  Id next_;
};

}  // namespace callgate
