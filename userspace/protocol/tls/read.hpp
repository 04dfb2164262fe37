// What the readers of hellos answer.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "protocol/tls/alert.hpp"

namespace callgate::tls {

struct Problem {
  std::string_view code;  // stable
  std::string_view detail;
  Alert alert = Alert::decode_error;

  bool operator==(const Problem&) const = default;
};

// Complete (the hello), invalid (the problem), or neither: more bytes are needed.
template <typename Hello>
struct Read {
  std::optional<Hello> hello;
  std::optional<Problem> problem;

  bool operator==(const Read&) const = default;
};

// The most bytes that a hello may take, with the headers of its records and with what comes in front of it.
inline constexpr std::size_t largest_hello = 64U << 10U;

}  // namespace callgate::tls
