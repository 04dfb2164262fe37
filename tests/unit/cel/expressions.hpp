// Expressions over a small host, and their values as texts that tests compare.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <catch2/catch.hpp>

#include "cel/program.hpp"

namespace callgate::cel::testing {

// A value as it would be written: 1, 1u, 1.0, "a", b"a", [1], {"a": 1}, timestamp("..."), duration("1s"),
// int, !no_such_key.
[[nodiscard]] std::string show(const Value& value, Arena& arena);

// What the tests' environment declares:
//   call    an object: method, path (strings), headers (map(string, string)), body (dyn), size (int)
//   caller  an object: name (string), groups (list(string))
//   now     a timestamp
//   any     dyn
//   number  int
//   text    string
[[nodiscard]] Environment environment();

// Gives these, and counts how often each is asked for. Unset values are absent.
class Host final : public Activation {
 public:
  Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  [[nodiscard]] Value variable(std::size_t index, Arena& arena) const override;
  // By "call.method", "now".
  [[nodiscard]] int asked(const std::string& name) const;

  std::map<std::string, Value> values;

 private:
  class Fields final : public Object {
   public:
    Fields(const Host& host, std::string name, const ObjectType& type)
        : host_(host), name_(std::move(name)), type_(type) {}
    [[nodiscard]] Value field(std::size_t index, Arena&) const override {
      return host_.give(name_ + "." + type_.fields.at(index).name);
    }
    [[nodiscard]] std::string_view type_name() const override { return type_.name; }

   private:
    const Host& host_;
    std::string name_;
    const ObjectType& type_;
  };

  [[nodiscard]] Value give(const std::string& name) const;

  Environment environment_;
  Fields call_;
  Fields caller_;
  mutable std::map<std::string, int> asked_;
};

[[nodiscard]] Program compiled(std::string_view source, const CompileOptions& options = {});
// "1:5: message", the hint in brackets; or "" for what compiles.
[[nodiscard]] std::string issue(std::string_view source, const CompileOptions& options = {});
// The value of an expression, with `any`, `number` and `text` unset.
[[nodiscard]] std::string value_of(std::string_view source);
[[nodiscard]] std::string value_of(std::string_view source, const Host& host,
                                   std::int64_t budget = Program::default_budget);
// The same, compiled without checking types.
[[nodiscard]] std::string unchecked(std::string_view source);
[[nodiscard]] std::string unchecked(std::string_view source, const Host& host);

struct Case {
  std::string_view source;
  std::string_view value;
};
void check(std::span<const Case> cases);

}  // namespace callgate::cel::testing
