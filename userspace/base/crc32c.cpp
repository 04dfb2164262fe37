#include "base/crc32c.hpp"

#include <array>
#include <cstring>

namespace callgate {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78U;  // reflected

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1U) ^ ((value & 1U) != 0 ? polynomial : 0U);
    table[byte] = value;
  }
  return table;
}

constexpr auto table = make_table();

std::uint32_t by_table(Bytes bytes, std::uint32_t value) {
  for (const std::uint8_t byte : bytes)
    value = (value >> 8U) ^ table[(value ^ byte) & 0xffU];
  return value;
}

#if defined(__x86_64__)

// The instruction takes three cycles, and another one can begin in each: long inputs are summed in three
// lanes at once.
constexpr std::size_t lane = 1024;

// What a sum becomes when `lane` zero bytes follow, by each of its bytes.
using Shift = std::array<std::array<std::uint32_t, 256>, 4>;

Shift make_shift() {
  std::array<std::uint32_t, 32> of_bit{};
  for (std::size_t bit = 0; bit < of_bit.size(); ++bit) {
    std::uint32_t value = std::uint32_t{1} << bit;
    for (std::size_t zero = 0; zero < lane; ++zero)
      value = (value >> 8U) ^ table[value & 0xffU];
    of_bit[bit] = value;
  }
  Shift shift{};
  for (std::size_t place = 0; place < shift.size(); ++place) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      for (std::size_t bit = 0; bit < 8; ++bit)
        if (((byte >> bit) & 1U) != 0) shift[place][byte] ^= of_bit[8 * place + bit];
    }
  }
  return shift;
}

std::uint32_t shifted(std::uint64_t sum) {
  static const Shift shift = make_shift();
  return shift[0][sum & 0xffU] ^ shift[1][(sum >> 8U) & 0xffU] ^ shift[2][(sum >> 16U) & 0xffU] ^
         shift[3][(sum >> 24U) & 0xffU];
}

std::uint64_t word_at(const std::uint8_t* place) {
  std::uint64_t word = 0;
  std::memcpy(&word, place, sizeof(word));
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(Bytes bytes, std::uint32_t before) {
  std::uint64_t value = before;
  while (bytes.size() >= 3 * lane) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    const std::uint8_t* const place = bytes.data();
    for (std::size_t at = 0; at < lane; at += sizeof(std::uint64_t)) {
      value = __builtin_ia32_crc32di(value, word_at(place + at));
      second = __builtin_ia32_crc32di(second, word_at(place + lane + at));
      third = __builtin_ia32_crc32di(third, word_at(place + 2 * lane + at));
    }
    value = shifted(shifted(value) ^ second) ^ third;
    bytes = bytes.subspan(3 * lane);
  }
  while (bytes.size() >= sizeof(std::uint64_t)) {
    value = __builtin_ia32_crc32di(value, word_at(bytes.data()));
    bytes = bytes.subspan(sizeof(std::uint64_t));
  }
  auto rest = static_cast<std::uint32_t>(value);
  for (const std::uint8_t byte : bytes)
    rest = __builtin_ia32_crc32qi(rest, byte);
  return rest;
}
#endif

}  // namespace

std::uint32_t crc32c(Bytes bytes, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~by_instruction(bytes, ~before);
#endif
  return ~by_table(bytes, ~before);
}

}  // namespace callgate
