// One evaluation of one expression.
#pragma once

#include <array>
#include <span>

#include <boost/container/small_vector.hpp>

#include "cel/expression.hpp"
#include "cel/functions.hpp"
#include "cel/program.hpp"

namespace callgate::cel {

class Evaluation {
 public:
  // `objects`: the types of objects whose fields are found by their name; null where there are none.
  Evaluation(const Activation& activation, Arena& arena, std::size_t locals, std::int64_t budget,
             const ObjectTypes* objects)
      : activation_(activation), arena_(arena), locals_(locals), budget_(budget), objects_(objects) {}

  [[nodiscard]] Value run(const Expression& e);

  // For the functions of the language.
  [[nodiscard]] Arena& arena() { return arena_; }
  // False where the evaluation has become too expensive.
  [[nodiscard]] bool charge(std::size_t cost) {
    budget_ -= static_cast<std::int64_t>(cost);
    return budget_ >= 0;
  }
  [[nodiscard]] bool charge_lookup(const Map& map, const Value& key) {
    return charge(static_cast<std::size_t>(lookup_cost(map, key)));
  }
  [[nodiscard]] bool are_equal(const Value& left, const Value& right) {
    return equal(left, right, arena_, budget_);
  }
  // An error of the language's own, whose texts outlive everything.
  [[nodiscard]] Value fail(std::string_view code, std::string_view detail);
  [[nodiscard]] Value no_overload() {
    return fail("no_such_overload", "the operation is not for these types");
  }
  [[nodiscard]] Value too_expensive() { return fail("cost_exceeded", "the condition takes too much work"); }
  // A string of the arena's, with room for `size` bytes.
  [[nodiscard]] Value string(std::string_view text);
  [[nodiscard]] Value list(std::span<const Value> values);

 private:
  Value name(const Expression& e);
  Value select(const Expression& e);
  Value has(const Expression& e);
  Value field_of(const Value& target, const Expression& e);
  Value call(const Expression& e);
  Value conjunction(const Expression& e, bool neutral);
  Value conditional(const Expression& e);
  Value make_list(const Expression& e);
  Value make_map(const Expression& e);
  Value message(const Expression& e);
  Value loop(const Expression& e);
  Value quantifier(const Expression& e, const Value& range, std::size_t size, bool neutral);
  Value exactly_one(const Expression& e, const Value& range, std::size_t size);
  Value collection(const Expression& e, const Value& range, std::size_t size);
  bool set_locals(const Expression& e, const Value& range, std::size_t index);

  const Activation& activation_;
  Arena& arena_;
  boost::container::small_vector<Value, 8> locals_;
  std::int64_t budget_;
  const ObjectTypes* objects_;
};

// What a function makes of its arguments, none of which is an error. `call` is where it is called.
[[nodiscard]] Value apply(Evaluation& evaluation, const Expression& call, std::span<const Value> arguments);
// Parts of it, by subject.
[[nodiscard]] Value apply_operator(Evaluation& evaluation, Function function,
                                   std::span<const Value> arguments);
[[nodiscard]] Value apply_conversion(Evaluation& evaluation, Function function, const Value& argument);
[[nodiscard]] Value apply_time(Evaluation& evaluation, Function function, std::span<const Value> arguments);
[[nodiscard]] Value apply_string(Evaluation& evaluation, const Expression& call,
                                 std::span<const Value> arguments);
[[nodiscard]] Value apply_format(Evaluation& evaluation, std::string_view text, const List& arguments);
[[nodiscard]] Value apply_math(Evaluation& evaluation, Function function, std::span<const Value> arguments);

// The value that a message of google.protobuf is, of its fields' names and values in turn.
[[nodiscard]] Value make_well_known(Evaluation& evaluation, std::size_t message,
                                    std::span<const Entry> fields);

}  // namespace callgate::cel
