#include "cel/pattern.hpp"

#include <re2/re2.h>

namespace callgate::cel {
namespace {

constexpr std::size_t longest_pattern = 4096;
constexpr std::int64_t most_memory = std::int64_t{1} << 20;

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

bool found_in(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace callgate::cel
