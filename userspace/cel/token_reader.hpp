// The tokens of an expression, one after the other.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cel/lexer.hpp"

namespace callgate::cel {

// What ends the parser and the checker: thrown by them, caught by parse() and check().
struct Stop {
  Issue issue;
};

class TokenReader {
 public:
  explicit TokenReader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  [[noreturn]] static void stop(const Token& at, std::string message, std::string hint = {}) {
    throw Stop{{at.line, at.column, std::move(message), std::move(hint)}};
  }

  [[nodiscard]] const Token& peek() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  void skip() { ++at_; }
  Token take() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  [[nodiscard]] bool is(std::string_view punctuation) const {
    return peek().kind == Token::Kind::punctuation && peek().text == punctuation;
  }
  bool accept(std::string_view punctuation) {
    if (!is(punctuation)) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view punctuation) {
    if (accept(punctuation)) return;
    const Token& at = peek();
    stop(at, at.kind == Token::Kind::end
                 ? "the expression ends before `" + std::string(punctuation) + "`"
                 : "`" + std::string(punctuation) + "` is expected before `" + shortened(at.text) + "`");
  }

 private:
  std::vector<Token> tokens_;  // the last one is the end
  std::size_t at_ = 0;
};

}  // namespace callgate::cel
