// Whatever was captured: shown, it is text without control characters, and bounded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/body_text.hpp"
#include "cli/http_head.hpp"

namespace {

// Input: a head, an empty line, a body.
constexpr std::string_view end_of_head = "\r\n\r\n";
constexpr std::size_t largest_text = 64U << 20U;

bool is_safe(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\t';
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace callgate::cli;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(input.find(end_of_head), input.size());
  const auto head = parse_http_head(input.substr(0, end));
  const auto body = input.substr(std::min(end + end_of_head.size(), input.size()));
  for (const bool whole : {true, false}) {
    const auto shown = body_text(head.field("content-type"), head.all("content-encoding"), body, whole);
    if (!is_safe(shown.text) || !is_safe(shown.note) || shown.text.size() > largest_text) std::abort();
  }
  return 0;
}
