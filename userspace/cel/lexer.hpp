// Splits the text of an expression into tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cel/expression.hpp"

namespace callgate::cel {

struct Token {
  enum class Kind : std::uint8_t {
    end,
    identifier,  // `text`; one in backquotes is quoted
    integer,     // `text` as written, without a sign
    natural,     // the same, without its u
    real,
    string,  // `text` is the content
    bytes,
    punctuation,  // `text` is one of the operators and brackets
  };
  Kind kind = Kind::end;
  bool quoted = false;
  int line = 1;
  int column = 1;
  std::string text;
};

// Words of the language that no field has for a name: in, true, false, null.
[[nodiscard]] bool is_keyword(const Token& token);
// Words that other languages could not use as names.
[[nodiscard]] bool is_reserved(std::string_view word);

// A text as messages show it: not all of a long one.
[[nodiscard]] std::string shortened(std::string_view text);

// All tokens, the last one being the end; or the issue.
[[nodiscard]] bool tokenize(std::string_view source, std::vector<Token>& tokens, Issue& issue);

}  // namespace callgate::cel
