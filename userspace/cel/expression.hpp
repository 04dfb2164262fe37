// Expressions as the parser makes them and the checker annotates them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "cel/value.hpp"

namespace re2 {
class RE2;
}

namespace callgate::cel {

// What is wrong with an expression, and where: line and column from 1, columns in bytes.
struct Issue {
  int line = 1;
  int column = 1;
  std::string message;
  std::string hint;  // may be empty
};

enum class Function : std::uint16_t;

struct Expression {
  enum class Form : std::uint8_t {
    literal,
    name,         // a variable, a local of a macro, or a type
    select,       // target.name
    has,          // has(target.name)
    call,         // name(arguments), or target.name(arguments), operators included
    conjunction,  // of any number of arguments
    disjunction,
    conditional,  // three arguments
    list,
    map,      // keys and values in turn
    message,  // name{field: value}: keys are literals of strings
    loop,     // a macro over the elements of its target
  };
  enum class Loop : std::uint8_t { all, exists, exists_one, map, filter, transform_list, transform_map };
  enum class Reference : std::uint8_t { unresolved, variable, local, type };

  Form form = Form::literal;
  Loop loop = Loop::all;
  Reference reference = Reference::unresolved;
  bool pairs = false;       // loop: over positions or keys, and values
  std::uint16_t depth = 1;  // of the tree
  int line = 1;
  int column = 1;
  Function function{};   // call: what `name` is
  std::size_t slot = 0;  // name: of the variable or local; select and has: of a known field, plus one
  Value value;           // literal; its text is in `text`
  std::string text;      // literal text, name, or field
  std::unique_ptr<Expression> target;
  // loop: first the condition (where there is one), then the result.
  std::vector<std::unique_ptr<Expression>> arguments;
  std::string first;  // loop: names of its locals
  std::string second;
  std::size_t first_slot = 0;
  bool filtered = false;                    // loop: the first argument is a condition on the second
  std::shared_ptr<const re2::RE2> pattern;  // call of `matches` with a literal pattern; shared with copies
};

}  // namespace callgate::cel
