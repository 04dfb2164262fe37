// The value of a result that a test cannot do without; fails the test with the error otherwise.
#pragma once

#include <stdexcept>
#include <utility>

#include "base/result.hpp"

namespace callgate::test {

template <typename T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
  return std::move(*result);
}

inline void need(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
}

}  // namespace callgate::test
