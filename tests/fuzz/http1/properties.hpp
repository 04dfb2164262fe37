// What must hold for every input of the HTTP/1 codec. A broken property ends the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/http1/reader.hpp"
#include "transcript.hpp"

namespace callgate::http1 {

void require(bool holds);

// Choices that depend on the input alone, so that a finding repeats and seeds are plain messages.
class Choices {
 public:
  explicit Choices(std::string_view input);
  [[nodiscard]] std::uint64_t below(std::uint64_t limit);
  [[nodiscard]] Cuts cuts(std::size_t input_size);
  // The default limits, or such small ones that inputs of a fuzzer meet them.
  [[nodiscard]] Limits limits();

 private:
  std::uint64_t state_ = 0;
};

// A written head: nothing but CR LF ends a line, no NUL, no field of the connection (Connection itself where
// `may_have_connection`), and at most one framing field.
void require_clean_head(std::string_view head, bool may_have_connection);

}  // namespace callgate::http1
