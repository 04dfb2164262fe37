#include "cel/lexer.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace callgate::cel {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& text, std::uint32_t point) {
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xc0U | (point >> 6U));
    text += static_cast<char>(0x80U | (point & 0x3fU));
  } else if (point < 0x10000) {
    text += static_cast<char>(0xe0U | (point >> 12U));
    text += static_cast<char>(0x80U | ((point >> 6U) & 0x3fU));
    text += static_cast<char>(0x80U | (point & 0x3fU));
  } else {
    text += static_cast<char>(0xf0U | (point >> 18U));
    text += static_cast<char>(0x80U | ((point >> 12U) & 0x3fU));
    text += static_cast<char>(0x80U | ((point >> 6U) & 0x3fU));
    text += static_cast<char>(0x80U | (point & 0x3fU));
  }
}

class Lexer {
 public:
  Lexer(std::string_view source, std::vector<Token>& tokens, Issue& issue)
      : source_(source), tokens_(tokens), issue_(issue) {}

  bool run() {
    for (;;) {
      skip_space();
      Token token;
      token.line = line_;
      token.column = column();
      if (at_ == source_.size()) {
        tokens_.push_back(std::move(token));
        return true;
      }
      if (!read(token)) return false;
      tokens_.push_back(std::move(token));
    }
  }

 private:
  [[nodiscard]] int column() const { return static_cast<int>(at_ - line_start_) + 1; }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  bool fail(std::string message, std::string hint = {}) {
    issue_ = {line_, column(), std::move(message), std::move(hint)};
    return false;
  }

  void skip_space() {
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == '\n') {
        ++at_;
        ++line_;
        line_start_ = at_;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
        ++at_;
      } else if (c == '/' && peek(1) == '/') {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else {
        return;
      }
    }
  }

  bool read(Token& token) {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return read_number(token);
    if (const auto prefix = string_prefix()) return read_string(token, *prefix);
    if (is_letter(c)) {
      const auto start = at_;
      while (is_letter(peek()) || is_digit(peek()))
        ++at_;
      token.kind = Token::Kind::identifier;
      token.text = source_.substr(start, at_ - start);
      return true;
    }
    if (c == '`') return read_quoted(token);
    return read_punctuation(token);
  }

  bool read_quoted(Token& token) {
    const auto end = source_.find('`', at_ + 1);
    if (end == std::string_view::npos || end == at_ + 1) return fail("the name in backquotes does not end");
    token.kind = Token::Kind::identifier;
    token.quoted = true;
    token.text = source_.substr(at_ + 1, end - at_ - 1);
    const bool good = std::all_of(token.text.begin(), token.text.end(), [](char c) {
      return is_letter(c) || is_digit(c) || std::string_view("-./ ").find(c) != std::string_view::npos;
    });
    if (!good) return fail("a name in backquotes has letters, digits, `_`, `-`, `.`, `/` and spaces");
    at_ = end + 1;
    return true;
  }

  bool read_punctuation(Token& token) {
    static constexpr std::array<std::string_view, 25> known{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "+",
                                                            "-",  "*",  "/",  "%",  "!",  "?",  ":", ".", ",",
                                                            "(",  ")",  "[",  "]",  "{",  "}",  "="};
    const auto rest = source_.substr(at_);
    const auto found =
        std::find_if(known.begin(), known.end(), [&](std::string_view one) { return rest.starts_with(one); });
    if (found == known.end() || *found == "=") {
      if (rest.starts_with('=')) return fail("`=` is no operator", "write `==` to compare");
      if (rest.starts_with('&') || rest.starts_with('|')) {
        return fail("`&` and `|` are no operators", "write `&&` or `||`");
      }
      return fail("this character cannot be here");
    }
    token.kind = Token::Kind::punctuation;
    token.text = *found;
    at_ += found->size();
    return true;
  }

  bool read_number(Token& token) {
    const auto start = at_;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      if (hex_value(peek()) < 0) return fail("a hexadecimal number needs digits");
      while (hex_value(peek()) >= 0)
        ++at_;
      token.kind = Token::Kind::integer;
    } else {
      while (is_digit(peek()))
        ++at_;
      token.kind = Token::Kind::integer;
      if (peek() == '.' && is_digit(peek(1))) {
        token.kind = Token::Kind::real;
        ++at_;
        while (is_digit(peek()))
          ++at_;
      }
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
        token.kind = Token::Kind::real;
        at_ += 1 + sign;
        while (is_digit(peek()))
          ++at_;
      }
    }
    token.text = source_.substr(start, at_ - start);
    if (token.kind == Token::Kind::integer && (peek() == 'u' || peek() == 'U')) {
      token.kind = Token::Kind::natural;
      ++at_;
    }
    if (is_letter(peek()) || is_digit(peek())) return fail("a number cannot go on like this");
    return true;
  }

  struct Prefix {
    bool raw = false;
    bool bytes = false;
    std::size_t size = 0;
  };

  // What stands before the quotes of a string, where one begins here.
  [[nodiscard]] std::optional<Prefix> string_prefix() const {
    Prefix prefix;
    for (; prefix.size < 2; ++prefix.size) {
      const char c = peek(prefix.size);
      if ((c == 'r' || c == 'R') && !prefix.raw) {
        prefix.raw = true;
      } else if ((c == 'b' || c == 'B') && !prefix.bytes) {
        prefix.bytes = true;
      } else {
        break;
      }
    }
    const char quote = peek(prefix.size);
    if (quote == '"' || quote == '\'') return prefix;
    return std::nullopt;
  }

  bool read_string(Token& token, Prefix prefix) {
    at_ += prefix.size;
    const char quote = peek();
    const bool triple = peek(1) == quote && peek(2) == quote;
    at_ += triple ? 3 : 1;
    token.kind = prefix.bytes ? Token::Kind::bytes : Token::Kind::string;
    for (;;) {
      if (at_ >= source_.size())
        return fail("the text does not end", "close it with the quote it began with");
      const char c = peek();
      if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote))) {
        at_ += triple ? 3 : 1;
        return true;
      }
      if (c == '\n' || c == '\r') {
        if (!triple)
          return fail("a text in single quotes ends in its line", "write \\n, or use three quotes");
        if (c == '\n') {
          ++line_;
          line_start_ = at_ + 1;
        }
      }
      if (c == '\\' && !prefix.raw) {
        if (!read_escape(token, prefix.bytes)) return false;
      } else {
        token.text += c;
        ++at_;
      }
    }
  }

  bool read_digits(std::size_t count, std::uint32_t base, std::uint32_t& value) {
    value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const int digit = hex_value(peek());
      if (digit < 0 || static_cast<std::uint32_t>(digit) >= base) return false;
      value = value * base + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return true;
  }

  bool read_escape(Token& token, bool bytes) {
    static constexpr std::string_view letters = "abfnrtv\\?\"'`";
    static constexpr std::string_view meant = "\a\b\f\n\r\t\v\\?\"'`";
    const char c = peek(1);
    const auto simple = letters.find(c);
    if (simple != std::string_view::npos && c != '\0') {
      token.text += meant[simple];
      at_ += 2;
      return true;
    }
    std::uint32_t value = 0;
    bool good = false;
    bool is_byte = false;
    if (c == 'x' || c == 'X') {
      at_ += 2;
      good = read_digits(2, 16, value);
      is_byte = true;
    } else if (c == 'u' && !bytes) {
      at_ += 2;
      good = read_digits(4, 16, value);
    } else if (c == 'U' && !bytes) {
      at_ += 2;
      good = read_digits(8, 16, value);
    } else if (c >= '0' && c <= '3') {
      at_ += 1;
      good = read_digits(3, 8, value);
      is_byte = true;
    }
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    if (!good || value > 0x10ffff || (surrogate && !is_byte)) {
      return fail("this is no escape sequence",
                  "write a backslash as \\\\, or the text as r\"...\" where backslashes mean themselves");
    }
    if (bytes) {
      token.text += static_cast<char>(value);
    } else {
      append_utf8(token.text, value);
    }
    return true;
  }

  std::string_view source_;
  std::vector<Token>& tokens_;
  Issue& issue_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  int line_ = 1;
};

}  // namespace

bool is_keyword(const Token& token) {
  return !token.quoted &&
         (token.text == "in" || token.text == "true" || token.text == "false" || token.text == "null");
}

bool is_reserved(std::string_view word) {
  static constexpr std::array<std::string_view, 17> reserved{
      "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
      "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};
  return std::find(reserved.begin(), reserved.end(), word) != reserved.end();
}

std::string shortened(std::string_view text) {
  constexpr std::size_t most = 80;
  if (text.size() <= most) return std::string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U)
    --end;
  return std::string(text.substr(0, end)) + "...";
}

bool tokenize(std::string_view source, std::vector<Token>& tokens, Issue& issue) {
  return Lexer(source, tokens, issue).run();
}

}  // namespace callgate::cel
