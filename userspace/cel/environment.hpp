// What expressions may use: variables, and objects with fields.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cel/overload.hpp"
#include "cel/type.hpp"

namespace callgate::cel {

struct FieldDeclaration {
  std::string name;
  Type type;
};

struct ObjectType {
  std::string name;
  std::vector<FieldDeclaration> fields;  // their positions are those that Object::field() is asked for

  // The position of a field, or nothing.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view field) const;
};

using ObjectTypes = std::map<std::string, ObjectType, std::less<>>;

// Functions beyond the language's own, that an environment has unless it is told otherwise.
enum class Library : std::uint8_t {
  strings,  // charAt, indexOf, lastIndexOf, join, lowerAscii, upperAscii, replace, split, substring, trim,
            // reverse, strings.quote, format
  math,     // math.greatest and the others
};

class Environment {
 public:
  // Throws std::invalid_argument for a name that is there already.
  void declare(std::string name, Type type);
  void declare(ObjectType object);
  // A function of the host's, for the checker: nothing here evaluates it.
  void declare(const std::string& function, Overload overload);
  // The prefix that names may be written without: "a.b" finds "a.b.x" and "a.x" as `x`.
  void set_container(std::string container) { container_ = std::move(container); }

  void enable(Library library, bool enabled) { enabled_[static_cast<std::size_t>(library)] = enabled; }
  [[nodiscard]] bool has(Library library) const { return enabled_[static_cast<std::size_t>(library)]; }

  struct Variable {
    std::string name;
    Type type;
  };
  // Their positions are those that Activation::variable() is asked for.
  [[nodiscard]] const std::vector<Variable>& variables() const { return variables_; }
  [[nodiscard]] std::optional<std::size_t> find_variable(std::string_view name) const;
  [[nodiscard]] std::span<const Overload> find_functions(std::string_view name) const;
  [[nodiscard]] const ObjectType* find_object(std::string_view name) const;
  [[nodiscard]] const ObjectTypes& objects() const { return objects_; }
  [[nodiscard]] const std::string& container() const { return container_; }
  // The names that `name` could mean, the innermost first. A leading dot means itself alone.
  [[nodiscard]] std::vector<std::string> candidates(std::string_view name) const;

 private:
  std::vector<Variable> variables_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  ObjectTypes objects_;
  std::map<std::string, std::vector<Overload>, std::less<>> functions_;
  std::string container_;
  std::array<bool, 2> enabled_{true, true};
};

}  // namespace callgate::cel
