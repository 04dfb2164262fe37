#include "base/ids.hpp"

#include <charconv>

#include <fmt/format.h>

namespace callgate {
namespace {

template <typename Number>
bool parse_digits(std::string_view digits, Number& number) {
  for (const char digit : digits) {
    if (!((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'))) return false;
  }
  return std::from_chars(digits.data(), digits.data() + digits.size(), number, 16).ec == std::errc{};
}

}  // namespace

std::string to_string(const Id& id) {
  return fmt::format("{:08x}{:08x}{:016x}", id.generation, id.thread, id.counter);
}

Result<Id> parse_id(std::string_view text) {
  Id id;
  if (text.size() != 32 || !parse_digits(text.substr(0, 8), id.generation) ||
      !parse_digits(text.substr(8, 8), id.thread) || !parse_digits(text.substr(16), id.counter)) {
    return make_error("bad_id",
                      "an id is 32 hexadecimal digits (0-9, a-f), as `callgate sessions list` prints it");
  }
  return id;
}

std::string id_bytes(const Id& id) {
  std::string bytes(16, '\0');
  for (std::size_t at = 0; at < 4; ++at) {
    bytes[at] = static_cast<char>(id.generation >> (24 - 8 * at));
    bytes[4 + at] = static_cast<char>(id.thread >> (24 - 8 * at));
  }
  for (std::size_t at = 0; at < 8; ++at)
    bytes[8 + at] = static_cast<char>(id.counter >> (56 - 8 * at));
  return bytes;
}

Id id_from_bytes(std::string_view bytes) {
  if (bytes.size() != 16) return {};
  Id id;
  for (std::size_t at = 0; at < 4; ++at) {
    id.generation = (id.generation << 8U) | static_cast<unsigned char>(bytes[at]);
    id.thread = (id.thread << 8U) | static_cast<unsigned char>(bytes[4 + at]);
  }
  for (std::size_t at = 0; at < 8; ++at)
    id.counter = (id.counter << 8U) | static_cast<unsigned char>(bytes[8 + at]);
  return id;
}

}  // namespace callgate
