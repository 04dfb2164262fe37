#include "cel/pattern.hpp"

#include <algorithm>

#include <re2/re2.h>

namespace callgate::cel {
namespace {

constexpr std::size_t longest_pattern = 4096;
constexpr std::int64_t most_memory = std::int64_t{1} << 20;  // bytes, of a compiled pattern and its automata

}  // namespace

std::shared_ptr<const re2::RE2> compile_pattern(std::string_view text, std::string& why) {
  if (text.size() > longest_pattern) {
    why = "it is longer than 4096 bytes";
    return nullptr;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(most_memory);
  auto pattern = std::make_shared<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (pattern->ok()) return pattern;
  why = pattern->error();
  return nullptr;
}

std::size_t matching_cost(const re2::RE2& pattern, std::string_view text) {
  // At its worst RE2 steps through the whole program for every character.
  const auto program = static_cast<std::size_t>(std::max(pattern.ProgramSize(), 0));
  return 1 + text.size() / 64 * (1 + program / 64);
}

bool found_in(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace callgate::cel
