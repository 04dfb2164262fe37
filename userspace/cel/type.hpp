// Types of expressions, as the checker knows them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callgate::cel {

// A value; what it refers to is shared and never changes.
class Type {
 public:
  enum class Kind : std::uint8_t {
    dyn,  // any; checked when it is evaluated
    null,
    boolean,
    integer,
    unsigned_integer,
    real,
    string,
    bytes,
    timestamp,
    duration,
    list,      // of one type
    map,       // of a key's and a value's type
    type,      // of the type that it names
    object,    // by name
    wrapper,   // of a simple type, or null
    abstract,  // the host's own, by name, with arguments
    variable   // stands for a type that is not known yet
  };

  // How deep types are nested at most; what would be deeper is dyn.
  static constexpr std::size_t most_depth = 64;

  Type() = default;
  explicit Type(Kind kind) : kind_(kind) {}
  static Type list(Type element);
  static Type map(Type key, Type value);
  static Type type(Type named);
  static Type wrapper(Type simple);
  static Type object(std::string name);
  static Type abstract(std::string name, std::vector<Type> arguments);
  static Type variable(std::size_t number);
  // The same with other arguments.
  [[nodiscard]] Type with(std::vector<Type> other_arguments) const;

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is(Kind kind) const { return kind_ == kind; }
  [[nodiscard]] const std::vector<Type>& arguments() const;
  // Of an object or an abstract type; of a variable its number.
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] std::size_t number() const { return number_; }
  // "list(string)".
  [[nodiscard]] std::string text() const;

  bool operator==(const Type& other) const;

 private:
  struct Parts {
    std::vector<Type> arguments;
    std::string name;
  };
  Type(Kind kind, std::vector<Type> arguments, std::string name);

  Kind kind_ = Kind::dyn;
  std::uint8_t depth_ = 1;
  std::size_t number_ = 0;
  std::shared_ptr<const Parts> parts_;  // shared: types are copied everywhere, and immutable
};

// Reads "int", "list(A)", "map(string, dyn)", "timestamp"; single capitals become variables, A being number
// 0. Throws std::invalid_argument for anything else: for tables in the code.
[[nodiscard]] Type parse_type(std::string_view text);

}  // namespace callgate::cel
