#include "cel/parser.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "cel/functions.hpp"
#include "cel/literal.hpp"
#include "cel/macro.hpp"
#include "cel/text.hpp"
#include "cel/token_reader.hpp"

namespace callgate::cel {
namespace {

using Pointer = std::unique_ptr<Expression>;
using Form = Expression::Form;

class Parser : private TokenReader {
 public:
  Parser(std::vector<Token> tokens, const ParseLimits& limits)
      : TokenReader(std::move(tokens)), limits_(limits) {}

  Pointer run() {
    Pointer parsed = expression();
    if (peek().kind != Token::Kind::end) stop(peek(), "the expression should end here");
    return parsed;
  }

 private:
  // How deep the parser is in itself.
  class Nested {
   public:
    explicit Nested(Parser& parser) : parser_(parser) {
      if (++parser_.nested_ > parser_.limits_.depth)
        stop(parser_.peek(), "the expression is nested too deep");
    }
    ~Nested() { --parser_.nested_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& parser_;
  };

  Pointer make(const Token& at, Form form) {
    if (++nodes_ > limits_.nodes) stop(at, "the expression has too many parts");
    auto made = std::make_unique<Expression>();
    made->form = form;
    made->line = at.line;
    made->column = at.column;
    return made;
  }

  void add(Expression& parent, Pointer child) {
    deepen(parent, *child);
    parent.arguments.push_back(std::move(child));
  }
  void set_target(Expression& parent, Pointer target) {
    deepen(parent, *target);
    parent.target = std::move(target);
  }
  void deepen(Expression& parent, const Expression& child) const {
    parent.depth = std::max(parent.depth, static_cast<std::uint16_t>(child.depth + 1));
    if (parent.depth > limits_.depth)
      throw Stop{{parent.line, parent.column, "the expression is nested too deep", {}}};
  }

  Pointer operation(const Token& at, std::string_view name, Pointer left, Pointer right) {
    Pointer made = make(at, Form::call);
    made->text = name;
    made->function = find_function(name).value();
    add(*made, std::move(left));
    if (right) add(*made, std::move(right));
    return made;
  }

  Pointer expression() {
    const Nested nested(*this);
    Pointer condition = disjunction();
    if (!is("?")) return condition;
    const Token at = take();
    Pointer made = make(at, Form::conditional);
    add(*made, std::move(condition));
    add(*made, disjunction());
    expect(":");
    add(*made, expression());
    return made;
  }

  Pointer disjunction() { return several("||", Form::disjunction, &Parser::conjunction); }
  Pointer conjunction() { return several("&&", Form::conjunction, &Parser::relation); }

  Pointer several(std::string_view sign, Form form, Pointer (Parser::*part)()) {
    Pointer first = (this->*part)();
    if (!is(sign)) return first;
    Pointer made = make(peek(), form);
    add(*made, std::move(first));
    while (accept(sign))
      add(*made, (this->*part)());
    return made;
  }

  Pointer relation() {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> operators{
        {{"==", "_==_"}, {"!=", "_!=_"}, {"<=", "_<=_"}, {">=", "_>=_"}, {"<", "_<_"}, {">", "_>_"}}};
    Pointer left = addition();
    for (;;) {
      const Token at = peek();
      if (at.kind == Token::Kind::identifier && at.text == "in" && !at.quoted) {
        skip();
        left = operation(at, "@in", std::move(left), addition());
        continue;
      }
      const auto found =
          std::find_if(operators.begin(), operators.end(), [&](const auto& one) { return is(one.first); });
      if (found == operators.end()) return left;
      skip();
      left = operation(at, found->second, std::move(left), addition());
    }
  }

  Pointer addition() {
    Pointer left = multiplication();
    while (is("+") || is("-")) {
      const Token at = take();
      left = operation(at, at.text == "+" ? "_+_" : "_-_", std::move(left), multiplication());
    }
    return left;
  }

  Pointer multiplication() {
    Pointer left = unary();
    while (is("*") || is("/") || is("%")) {
      const Token at = take();
      left = operation(at, at.text == "*" ? "_*_" : at.text == "/" ? "_/_" : "_%_", std::move(left), unary());
    }
    return left;
  }

  Pointer unary() {
    const Token at = peek();
    if (accept("!")) {
      bool odd = true;
      while (accept("!"))
        odd = !odd;
      Pointer made = operation(at, "!_", member(), nullptr);
      // Two of them still say that it is a bool.
      return odd ? std::move(made) : operation(at, "!_", std::move(made), nullptr);
    }
    if (!is("-")) return member();
    skip();
    bool odd = true;
    while (accept("-"))
      odd = !odd;
    const bool number = peek().kind == Token::Kind::integer || peek().kind == Token::Kind::real;
    if (number && odd) {
      negative_ = true;
      return member();
    }
    Pointer made = operation(at, "-_", member(), nullptr);
    return odd ? std::move(made) : operation(at, "-_", std::move(made), nullptr);
  }

  Pointer member() {
    Pointer made = primary();
    for (;;) {
      const Token at = peek();
      if (accept("[")) {
        if (is("?")) stop(peek(), "optional values are not part of this language");
        made = operation(at, "_[_]", std::move(made), expression());
        expect("]");
      } else if (accept(".")) {
        if (is("?")) stop(peek(), "optional values are not part of this language");
        made = after_dot(at, std::move(made));
      } else if (is("{") && names_message(*made)) {
        made = message(std::move(made));
      } else {
        return made;
      }
    }
  }

  Pointer after_dot(const Token& at, Pointer target) {
    const Token name = take();
    if (name.kind != Token::Kind::identifier) stop(name, "a name is expected behind the dot");
    if (is_keyword(name))
      stop(name, "`" + name.text + "` cannot be the name of a field", "write it in backquotes");
    if (!is("(") || name.quoted) {
      Pointer made = make(at, Form::select);
      made->text = name.text;
      made->line = name.line;
      made->column = name.column;
      set_target(*made, std::move(target));
      return made;
    }
    skip();
    std::vector<Pointer> given = arguments();
    if (Pointer loop = macro(name, target, given)) return loop;
    Pointer made = make(name, Form::call);
    made->text = name.text;
    set_target(*made, std::move(target));
    for (auto& argument : given)
      add(*made, std::move(argument));
    return made;
  }

  std::vector<Pointer> arguments() {
    std::vector<Pointer> given;
    if (accept(")")) return given;
    do
      given.push_back(expression());
    while (accept(","));
    expect(")");
    return given;
  }

  static bool names_message(const Expression& expression) {
    if (expression.form == Form::name) return true;
    return expression.form == Form::select && names_message(*expression.target);
  }

  static std::string name_of(const Expression& expression) {
    return expression.form == Form::name ? expression.text
                                         : name_of(*expression.target) + "." + expression.text;
  }

  Pointer message(Pointer named) {
    const Token at = take();
    Pointer made = make(at, Form::message);
    made->line = named->line;
    made->column = named->column;
    made->text = name_of(*named);
    while (!accept("}")) {
      const Token field = take();
      if (field.kind != Token::Kind::identifier) stop(field, "the name of a field is expected");
      Pointer key = make(field, Form::literal);
      key->text = field.text;
      key->value = Value::string({});
      add(*made, std::move(key));
      expect(":");
      add(*made, expression());
      if (!accept(",") && !is("}")) expect("}");
    }
    return made;
  }

  Pointer primary() {
    const Token at = peek();
    const bool negative = std::exchange(negative_, false);
    switch (at.kind) {
      case Token::Kind::integer:
      case Token::Kind::natural:
      case Token::Kind::real:
        skip();
        return number(at, negative);
      case Token::Kind::string:
      case Token::Kind::bytes: {
        skip();
        Pointer made = make(at, Form::literal);
        made->text = at.text;
        made->value = at.kind == Token::Kind::string ? Value::string({}) : Value::bytes({});
        return made;
      }
      case Token::Kind::identifier:
        return name({});
      case Token::Kind::end:
        stop(at, "the expression ends where a value is expected");
      case Token::Kind::punctuation:
        break;
    }
    skip();
    if (at.text == "(") {
      Pointer made = expression();
      expect(")");
      return made;
    }
    if (at.text == "[") return list(at);
    if (at.text == "{") return map(at);
    if (at.text == "." && peek().kind == Token::Kind::identifier) return name(".");
    stop(at, "a value is expected before `" + shortened(at.text) + "`");
  }

  Pointer name(const std::string& prefix) {
    const Token at = take();
    if (at.quoted) stop(at, "only the name of a field can be in backquotes");
    if (at.text == "true" || at.text == "false" || at.text == "null") {
      Pointer made = make(at, Form::literal);
      made->value = at.text == "null" ? Value::null() : Value::boolean(at.text == "true");
      return made;
    }
    if (at.text == "in" || is_reserved(at.text)) stop(at, "`" + at.text + "` is a reserved word");
    if (accept("(")) {
      std::vector<Pointer> given = arguments();
      if (at.text == "has" && given.size() == 1 && prefix.empty()) return has(at, std::move(given[0]));
      Pointer made = make(at, Form::call);
      made->text = prefix + at.text;
      for (auto& argument : given)
        add(*made, std::move(argument));
      return made;
    }
    Pointer made = make(at, Form::name);
    made->text = prefix + at.text;
    return made;
  }

  static Pointer has(const Token& at, Pointer argument) {
    if (argument->form != Form::select) stop(at, "has() asks for a field", "write has(call.body.amount)");
    argument->form = Form::has;
    return argument;
  }

  Pointer number(const Token& at, bool negative) {
    Pointer made = make(at, Form::literal);
    std::string why;
    std::string hint;
    if (!read_number(at, negative, made->value, why, hint)) stop(at, why, hint);
    return made;
  }

  Pointer list(const Token& at) {
    Pointer made = make(at, Form::list);
    while (!accept("]")) {
      if (is("?")) stop(peek(), "optional values are not part of this language");
      add(*made, expression());
      if (!accept(",") && !is("]")) expect("]");
    }
    return made;
  }

  Pointer map(const Token& at) {
    Pointer made = make(at, Form::map);
    while (!accept("}")) {
      if (is("?")) stop(peek(), "optional values are not part of this language");
      add(*made, expression());
      expect(":");
      add(*made, expression());
      if (!accept(",") && !is("}")) expect("}");
    }
    return made;
  }

  // The loop that the call of a macro stands for, or null where it is no macro.
  Pointer macro(const Token& name, Pointer& target, std::vector<Pointer>& given) {
    const Macro* const found = find_macro(name.text, given.size());
    if (found == nullptr) return nullptr;
    const std::size_t names = found->pairs ? 2 : 1;
    for (std::size_t i = 0; i < names; ++i) {
      if (given[i]->form == Form::name && !given[i]->text.starts_with('.')) continue;
      stop(name, "`" + name.text + "` begins with the name of its variable", "write list.all(x, x > 0)");
    }
    if (names == 2 && given[0]->text == given[1]->text)
      stop(name, "the two variables of `" + name.text + "` have the same name");
    Pointer made = make(name, Form::loop);
    made->text = name.text;
    made->loop = found->loop;
    made->pairs = found->pairs;
    made->filtered = found->filtered;
    made->first = given[0]->text;
    if (names == 2) made->second = given[1]->text;
    set_target(*made, std::move(target));
    for (std::size_t i = names; i < given.size(); ++i)
      add(*made, std::move(given[i]));
    return made;
  }

  const ParseLimits& limits_;
  std::size_t nodes_ = 0;
  std::uint16_t nested_ = 0;
  bool negative_ = false;  // a minus sign belongs to the number that follows
};

}  // namespace

std::unique_ptr<Expression> parse(std::string_view source, const ParseLimits& limits, Issue& issue) {
  if (source.size() > limits.source) {
    issue = {1, 1, "the expression is longer than " + std::to_string(limits.source) + " bytes", {}};
    return nullptr;
  }
  if (!is_utf8(source)) {
    issue = {1, 1, "the expression is not UTF-8", {}};
    return nullptr;
  }
  std::vector<Token> tokens;
  if (!tokenize(source, tokens, issue)) return nullptr;
  try {
    return Parser(std::move(tokens), limits).run();
  } catch (Stop& stopped) {
    issue = std::move(stopped.issue);
    return nullptr;
  }
}

}  // namespace callgate::cel
