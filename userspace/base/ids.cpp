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

}  // namespace callgate
