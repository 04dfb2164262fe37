// Finds text in bytes that come piece by piece.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace callgate::inquiry {

// What is looked for; immutable, any thread.
class TextPattern {
 public:
  static constexpr std::size_t longest = 1024;  // of a text or an expression, in bytes

  // `text` is UTF-8. A regular expression has the syntax of RE2; ^ and $ are ends of lines, `.` is no line
  // end. Errors: invalid (too long, no UTF-8, no expression, one that also finds nothing at all).
  [[nodiscard]] static Result<TextPattern> compile(std::string_view text, bool regex, bool ignore_case);

 private:
  friend class TextSearch;
  explicit TextPattern(std::shared_ptr<const re2::RE2> expression) : expression_(std::move(expression)) {}

  std::shared_ptr<const re2::RE2> expression_;  // shared: copies of a pattern are the same one
};

struct TextMatch {
  std::uint64_t offset = 0;  // among all bytes
  std::string_view before;   // at most TextSearch::context bytes that stand before it
  std::string_view match;
  std::string_view after;
};

// One stream of bytes. Its memory is bounded, whatever it is fed. A match that is longer than longest_match
// is told with its first bytes only, or, where it would reach over so much, not at all.
class TextSearch {
 public:
  static constexpr std::size_t context = 80;
  static constexpr std::size_t longest_match = 4096;

  // Called for each match, in order; its views are valid during the call. False: that is enough.
  using Found = std::function<bool(const TextMatch&)>;

  TextSearch(TextPattern pattern, Found found);

  // The next bytes, which are at `offset` among all; where that is not where the last ones ended, the search
  // begins anew there. False once somebody has had enough.
  bool feed(std::uint64_t offset, std::string_view bytes);
  // There are no more bytes.
  bool finish();

 private:
  bool search(bool last);

  TextPattern pattern_;
  Found found_;
  std::string window_;
  std::uint64_t window_offset_ = 0;  // of the window among all bytes
  std::size_t searched_ = 0;         // bytes of the window in which no match begins any more
  bool enough_ = false;
};

}  // namespace callgate::inquiry
