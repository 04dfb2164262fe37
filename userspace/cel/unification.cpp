#include "cel/unification.hpp"

#include <utility>

namespace callgate::cel {
namespace {

using Kind = Type::Kind;

// Of two types that can stand for each other, the one that says less.
Type wider(const Type& left, const Type& right) {
  if (left.is(Kind::dyn) || right.is(Kind::dyn)) return {};
  if (left.kind() != right.kind() || left.arguments().empty()) return left;
  std::vector<Type> arguments;
  for (std::size_t i = 0; i < left.arguments().size(); ++i)
    arguments.push_back(wider(left.arguments()[i], right.arguments()[i]));
  return left.with(std::move(arguments));
}

constexpr std::size_t most_steps = 1'000'000;

bool may_be_null(Kind kind) {
  return kind == Kind::object || kind == Kind::wrapper || kind == Kind::timestamp || kind == Kind::duration;
}

}  // namespace

void Unification::step() const {
  if (++steps_ > most_steps) throw TypesTooComplex();
}

void Unification::learn(std::size_t variable, Type type) {
  known_[variable] = std::move(type);
  learnt_.push_back(variable);
}

void Unification::undo(Mark mark) {
  for (; learnt_.size() > mark.learnt; learnt_.pop_back())
    known_[learnt_.back()] = std::nullopt;
  known_.resize(mark.variables);
}

Type Unification::fresh() {
  known_.emplace_back();
  return Type::variable(known_.size() - 1);
}

Type Unification::instantiate(const Type& declared, std::vector<std::optional<Type>>& fresh_ones) {
  if (declared.is(Kind::variable)) {
    if (fresh_ones.size() <= declared.number()) fresh_ones.resize(declared.number() + 1);
    auto& made = fresh_ones[declared.number()];
    if (!made) made = fresh();
    return *made;
  }
  if (declared.arguments().empty()) return declared;
  std::vector<Type> arguments;
  for (const Type& argument : declared.arguments())
    arguments.push_back(instantiate(argument, fresh_ones));
  return declared.with(std::move(arguments));
}

Type Unification::resolve(const Type& type, bool final, std::size_t depth) const {
  step();
  // What is deeper could not be kept: see Type.
  if (depth > 2 * Type::most_depth) return {};
  if (type.is(Kind::variable)) {
    const auto& known = known_[type.number()];
    if (known) return resolve(*known, final, depth + 1);
    return final ? Type() : type;
  }
  if (type.arguments().empty()) return type;
  std::vector<Type> arguments;
  for (const Type& argument : type.arguments())
    arguments.push_back(resolve(argument, final, depth + 1));
  return type.with(std::move(arguments));
}

bool Unification::occurs(std::size_t variable, const Type& type) const {
  step();
  if (type.is(Kind::variable)) {
    if (type.number() == variable) return true;
    return known_[type.number()] && occurs(variable, *known_[type.number()]);
  }
  for (const Type& argument : type.arguments()) {
    if (occurs(variable, argument)) return true;
  }
  return false;
}

bool Unification::assign(const Type& wanted_type, const Type& given_type) {
  const Type wanted = resolve(wanted_type);
  const Type given = resolve(given_type);
  if (wanted.is(Kind::variable) && given.is(Kind::variable) && wanted.number() == given.number()) return true;
  if (wanted.is(Kind::variable)) {
    if (occurs(wanted.number(), given)) return false;
    learn(wanted.number(), given);
    return true;
  }
  if (given.is(Kind::variable)) {
    if (occurs(given.number(), wanted)) return false;
    learn(given.number(), wanted);
    return true;
  }
  if (wanted.is(Kind::dyn) || given.is(Kind::dyn)) return true;
  if (wanted.is(Kind::null) && may_be_null(given.kind())) return true;
  if (given.is(Kind::null) && may_be_null(wanted.kind())) return true;
  if (wanted.is(Kind::wrapper) && !given.is(Kind::wrapper)) return assign(wanted.arguments()[0], given);
  if (given.is(Kind::wrapper) && !wanted.is(Kind::wrapper)) return assign(wanted, given.arguments()[0]);
  if (wanted.kind() != given.kind()) return false;
  if (wanted.name() != given.name() || wanted.arguments().size() != given.arguments().size()) return false;
  // Types are compared, whatever they are of.
  if (wanted.is(Kind::type)) return true;
  for (std::size_t i = 0; i < wanted.arguments().size(); ++i) {
    if (!assign(wanted.arguments()[i], given.arguments()[i])) return false;
  }
  return true;
}

Type Unification::join(const Type& left, const Type& right) {
  const Type first = resolve(left);
  const Type second = resolve(right);
  if (first.is(Kind::dyn) || second.is(Kind::dyn)) return {};
  const Mark before = mark();
  // The wider of the two, where one is.
  if (first.is(Kind::null) || (second.is(Kind::wrapper) && !first.is(Kind::wrapper))) {
    if (assign(second, first)) return resolve(second);
  } else if (assign(first, second)) {
    return wider(resolve(first), resolve(second));
  }
  undo(before);
  return {};
}

}  // namespace callgate::cel
