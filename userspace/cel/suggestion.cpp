#include "cel/suggestion.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace callgate::cel {
namespace {

// The number of letters to change, for suggestions.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(std::string_view written, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest_word = 64;
  constexpr std::size_t most_named = 24;
  if (written.size() > longest_word) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(written.size() / 3, 1) + 1;
  for (const auto word : known) {
    if (const auto far = distance(written, word); far < best_distance) {
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
