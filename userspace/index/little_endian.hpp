// Numbers of fixed size in bytes, least significant first.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/bytes.hpp"

namespace callgate::index {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

template <typename Number>
void append_number(std::string& bytes, std::type_identity_t<Number> value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The caller has checked that there are that many bytes.
template <typename Number>
[[nodiscard]] Number number_at(Bytes bytes, std::size_t offset) {
  Number value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

}  // namespace callgate::index
