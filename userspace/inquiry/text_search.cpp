#include "inquiry/text_search.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

namespace callgate::inquiry {
namespace {

constexpr std::size_t fed_at_once = 64U << 10U;
constexpr std::int64_t expression_memory = 8 << 20;

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

}  // namespace

Result<TextPattern> TextPattern::compile(std::string_view text, bool regex, bool ignore_case) {
  if (text.empty()) return invalid("say which text to look for");
  if (text.size() > longest) return invalid(fmt::format("the text is longer than {} bytes", longest));
  const re2::StringPiece piece(text.data(), text.size());
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(expression_memory);
  const auto wanted = regex ? "(?m:" + std::string(text) + ")" : re2::RE2::QuoteMeta(piece);
  auto expression = std::make_shared<const re2::RE2>(wanted, options);
  if (!expression->ok()) {
    return invalid((regex ? "this is no regular expression of RE2: " : "the text cannot be looked for: ") +
                   expression->error());
  }
  if (re2::RE2::PartialMatch("", *expression)) {
    return invalid("the regular expression also finds nothing at all: use + instead of *");
  }
  return TextPattern(std::move(expression));
}

TextSearch::TextSearch(TextPattern pattern, Found found)
    : pattern_(std::move(pattern)), found_(std::move(found)) {}

bool TextSearch::feed(std::uint64_t offset, std::string_view bytes) {
  if (offset != window_offset_ + window_.size()) {
    if (!window_.empty() && !finish()) return false;
    window_.clear();
    window_offset_ = offset;
    searched_ = 0;
  }
  while (!bytes.empty() && !enough_) {
    const auto taken = std::min(bytes.size(), fed_at_once);
    window_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    search(false);
  }
  return !enough_;
}

bool TextSearch::finish() {
  return enough_ ? false : search(true);
}

// Looks for matches that begin where enough bytes follow to see them whole, with what stands behind them.
bool TextSearch::search(bool last) {
  constexpr std::size_t margin = longest_match + context;
  // Small pieces are gathered, so that bytes are not looked at again and again.
  if (!last && window_.size() < searched_ + margin + fed_at_once) return true;
  const std::size_t end = last ? window_.size() : window_.size() - margin;
  while (!enough_ && searched_ < end) {
    const re2::StringPiece text(window_.data(), window_.size());
    re2::StringPiece match;
    const bool found =
        pattern_.expression_->Match(text, searched_, text.size(), re2::RE2::UNANCHORED, &match, 1);
    const std::size_t start = found ? static_cast<std::size_t>(match.data() - window_.data()) : end;
    if (!found || start >= end) break;
    if (match.empty()) {  // an end of a line, for example
      searched_ = start + 1;
      continue;
    }
    const std::size_t size = std::min(match.size(), longest_match);
    const std::size_t before = std::min(start, context);
    const std::string_view all = window_;
    const TextMatch told{window_offset_ + start, all.substr(start - before, before), all.substr(start, size),
                         all.substr(start + size, context)};
    searched_ = start + match.size();
    enough_ = !found_(told);
  }
  searched_ = std::max(searched_, end);
  // What stands before is kept for context, and so that ^ knows whether a line begins.
  if (searched_ > context) {
    const std::size_t gone = std::min(searched_ - context, window_.size());
    window_.erase(0, gone);
    window_offset_ += gone;
    searched_ -= gone;
  }
  return !enough_;
}

}  // namespace callgate::inquiry
