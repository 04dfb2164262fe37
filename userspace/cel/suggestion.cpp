#include "cel/suggestion.hpp"

#include <algorithm>
#include <cstddef>

#include "base/edit_distance.hpp"

namespace callgate::cel {

std::string suggestion(std::string_view written, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest_word = 64;
  constexpr std::size_t most_named = 24;
  if (written.size() > longest_word) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(written.size() / 3, 1) + 1;
  for (const auto word : known) {
    if (const auto far = edit_distance(written, word); far < best_distance) {
      best = word;
      best_distance = far;
    }
  }
  if (!best.empty()) return "did you mean `" + std::string(best) + "`?";
  if (known.size() > most_named) return {};
  std::string text;
  for (const auto word : known)
    text += (text.empty() ? "known here: `" : ", `") + std::string(word) + "`";
  return text;
}

}  // namespace callgate::cel
