#include "cel/evaluation.hpp"

#include <algorithm>

namespace callgate::cel {
namespace {

using Form = Expression::Form;
using Loop = Expression::Loop;
using Reference = Expression::Reference;

// The error that says more: one that may go away goes before one that does not.
void keep(Value& kept, const Value& error) {
  if (kept.is(Kind::absent) || &error.as_error() == &pending) kept = error;
}

bool may_be_key(const Value& value) {
  return value.is(Kind::boolean) || value.is(Kind::integer) || value.is(Kind::unsigned_integer) ||
         value.is(Kind::string);
}

// Values in the arena, of a number that is not known before.
class Growing {
 public:
  explicit Growing(Arena& arena) : arena_(arena) {}
  bool add(const Entry& entry) {
    if (size_ == capacity_) {
      const std::size_t wanted = capacity_ == 0 ? 8 : 2 * capacity_;
      auto* const moved = arena_.make_array<Entry>(wanted);
      if (moved == nullptr) return false;
      std::copy(entries_, entries_ + size_, moved);
      entries_ = moved;
      capacity_ = wanted;
    }
    entries_[size_++] = entry;
    return true;
  }
  [[nodiscard]] std::span<const Entry> entries() const { return {entries_, size_}; }

 private:
  Arena& arena_;
  Entry* entries_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace

Value Evaluation::fail(std::string_view code, std::string_view detail) {
  static constexpr Failure exhausted{"cost_exceeded", "the condition takes too much memory"};
  const auto* const failure = arena_.make<Failure>(Failure{code, detail});
  return Value::error(failure != nullptr ? failure : &exhausted);
}

Value Evaluation::string(std::string_view text) {
  std::string_view copied;
  if (!charge(text.size() / 64) || !arena_.copy(text, copied)) return too_expensive();
  return Value::string(copied);
}

Value Evaluation::list(std::span<const Value> values) {
  auto* const copied = arena_.make_array<Value>(values.size());
  if (copied == nullptr || !charge(values.size())) return too_expensive();
  std::copy(values.begin(), values.end(), copied);
  const auto* const made = arena_.make<ValueList>(copied, values.size());
  return made == nullptr ? too_expensive() : Value::list(made);
}

Value Evaluation::run(const Expression& e) {
  if (!charge(1)) return too_expensive();
  switch (e.form) {
    case Form::literal:
      return e.value;
    case Form::name:
      return name(e);
    case Form::select:
      return select(e);
    case Form::has:
      return has(e);
    case Form::call:
      return call(e);
    case Form::conjunction:
      return conjunction(e, true);
    case Form::disjunction:
      return conjunction(e, false);
    case Form::conditional:
      return conditional(e);
    case Form::list:
      return make_list(e);
    case Form::map:
      return make_map(e);
    case Form::message:
      return message(e);
    case Form::loop:
      return loop(e);
  }
  return no_overload();
}

Value Evaluation::name(const Expression& e) {
  switch (e.reference) {
    case Reference::variable: {
      const Value value = activation_.variable(e.slot, arena_);
      return value.is(Kind::absent) ? fail("no_such_variable", e.text) : value;
    }
    case Reference::local:
      return locals_[e.slot];
    case Reference::type:
      return Value::type(e.text);
    case Reference::unresolved:
      break;
  }
  return fail("no_such_variable", e.text);
}

// Kind::absent where it is not there.
Value Evaluation::field_of(const Value& target, const Expression& e) {
  if (target.is(Kind::map)) {
    const Value key = Value::string(e.text);
    if (!charge_lookup(target.as_map(), key)) return too_expensive();
    return target.as_map().find(key, arena_);
  }
  if (!target.is(Kind::object)) return no_overload();
  if (e.slot != 0) return target.as_object().field(e.slot - 1, arena_);
  if (objects_ == nullptr) return no_overload();
  const auto type = objects_->find(target.as_object().type_name());
  const auto position = type != objects_->end() ? type->second.find(e.text) : std::nullopt;
  return position ? target.as_object().field(*position, arena_) : fail("no_such_field", e.text);
}

Value Evaluation::select(const Expression& e) {
  const Value target = run(*e.target);
  if (target.is_error()) return target;
  const Value found = field_of(target, e);
  if (!found.is(Kind::absent)) return found;
  return target.is(Kind::map) ? fail("no_such_key", e.text) : fail("no_such_field", e.text);
}

Value Evaluation::has(const Expression& e) {
  const Value target = run(*e.target);
  if (target.is_error()) return target;
  const Value found = field_of(target, e);
  return found.is_error() ? found : Value::boolean(!found.is(Kind::absent));
}

Value Evaluation::call(const Expression& e) {
  if (e.reference != Reference::variable) return fail("no_such_overload", "there is no such function");
  boost::container::small_vector<Value, 4> given;
  if (e.target) given.push_back(run(*e.target));
  for (const auto& argument : e.arguments) {
    if (!given.empty() && given.back().is_error()) return given.back();
    given.push_back(run(*argument));
  }
  if (!given.empty() && given.back().is_error()) return given.back();
  return apply(*this, e, {given.data(), given.size()});
}

// `&&` (neutral: true) and `||` (false): one value decides, whatever goes wrong beside it.
Value Evaluation::conjunction(const Expression& e, bool neutral) {
  Value failure;
  for (const auto& argument : e.arguments) {
    const Value value = run(*argument);
    if (value.is(Kind::boolean)) {
      if (value.as_boolean() != neutral) return value;
    } else {
      keep(failure, value.is_error() ? value : no_overload());
    }
  }
  return failure.is(Kind::absent) ? Value::boolean(neutral) : failure;
}

Value Evaluation::conditional(const Expression& e) {
  const Value condition = run(*e.arguments[0]);
  if (condition.is_error()) return condition;
  if (!condition.is(Kind::boolean)) return no_overload();
  return run(*e.arguments[condition.as_boolean() ? 1 : 2]);
}

Value Evaluation::make_list(const Expression& e) {
  auto* const values = arena_.make_array<Value>(e.arguments.size());
  if (values == nullptr) return too_expensive();
  for (std::size_t i = 0; i < e.arguments.size(); ++i) {
    values[i] = run(*e.arguments[i]);
    if (values[i].is_error()) return values[i];
  }
  const auto* const made = arena_.make<ValueList>(values, e.arguments.size());
  return made == nullptr ? too_expensive() : Value::list(made);
}

Value Evaluation::make_map(const Expression& e) {
  const std::size_t size = e.arguments.size() / 2;
  auto* const entries = arena_.make_array<Entry>(size);
  if (entries == nullptr) return too_expensive();
  for (std::size_t i = 0; i < size; ++i) {
    Entry entry{run(*e.arguments[2 * i]), run(*e.arguments[2 * i + 1])};
    if (entry.key.is_error()) return entry.key;
    if (entry.value.is_error()) return entry.value;
    if (!may_be_key(entry.key)) return fail("no_such_overload", "this cannot be a key of a map");
    if (!charge(i / 8)) return too_expensive();
    const bool twice = std::any_of(entries, entries + i,
                                   [&](const Entry& other) { return are_equal(other.key, entry.key); });
    if (!charge(0)) return too_expensive();
    if (twice) return fail("duplicate_key", "a map has the same key twice");
    entries[i] = entry;
  }
  const auto* const made = arena_.make<ValueMap>(entries, size);
  return made == nullptr ? too_expensive() : Value::map(made);
}

Value Evaluation::message(const Expression& e) {
  if (e.reference != Reference::variable) return fail("no_such_overload", "there is no such message");
  boost::container::small_vector<Entry, 4> fields;
  for (std::size_t i = 0; i + 1 < e.arguments.size(); i += 2) {
    fields.push_back({e.arguments[i]->value, run(*e.arguments[i + 1])});
    if (fields.back().value.is_error()) return fields.back().value;
  }
  for (std::size_t i = 0; i < fields.size(); ++i)
    fields[i].key = Value::string(e.arguments[2 * i]->text);
  return make_well_known(*this, e.slot, {fields.data(), fields.size()});
}

bool Evaluation::set_locals(const Expression& e, const Value& range, std::size_t index) {
  if (!charge(1)) return false;
  Value& first = locals_[e.first_slot];
  const bool is_map = range.is(Kind::map);
  if (is_map) {
    first = range.as_map().key_at(index, arena_);
  } else {
    first = e.pairs ? Value::integer(static_cast<std::int64_t>(index)) : range.as_list().at(index, arena_);
  }
  if (e.pairs) {
    locals_[e.first_slot + 1] =
        is_map ? range.as_map().value_at(index, arena_) : range.as_list().at(index, arena_);
  }
  return true;
}

Value Evaluation::loop(const Expression& e) {
  const Value range = run(*e.target);
  if (range.is_error()) return range;
  if (!range.is(Kind::list) && !range.is(Kind::map))
    return fail("no_such_overload", "only lists and maps have elements");
  const std::size_t size = range.is(Kind::list) ? range.as_list().size() : range.as_map().size();
  switch (e.loop) {
    case Loop::all:
      return quantifier(e, range, size, true);
    case Loop::exists:
      return quantifier(e, range, size, false);
    case Loop::exists_one:
      return exactly_one(e, range, size);
    default:
      return collection(e, range, size);
  }
}

Value Evaluation::quantifier(const Expression& e, const Value& range, std::size_t size, bool neutral) {
  Value failure;
  for (std::size_t i = 0; i < size; ++i) {
    if (!set_locals(e, range, i)) return too_expensive();
    const Value value = run(*e.arguments.back());
    if (value.is(Kind::boolean)) {
      if (value.as_boolean() != neutral) return value;
    } else {
      keep(failure, value.is_error() ? value : no_overload());
    }
  }
  return failure.is(Kind::absent) ? Value::boolean(neutral) : failure;
}

Value Evaluation::exactly_one(const Expression& e, const Value& range, std::size_t size) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (!set_locals(e, range, i)) return too_expensive();
    const Value value = run(*e.arguments.back());
    if (value.is_error()) return value;
    if (!value.is(Kind::boolean)) return no_overload();
    if (value.as_boolean()) ++found;
  }
  return Value::boolean(found == 1);
}

Value Evaluation::collection(const Expression& e, const Value& range, std::size_t size) {
  Growing made(arena_);
  for (std::size_t i = 0; i < size; ++i) {
    if (!set_locals(e, range, i)) return too_expensive();
    const bool is_filter = e.loop == Loop::filter;
    if (is_filter || e.filtered) {
      const Value condition = run(*e.arguments.front());
      if (condition.is_error()) return condition;
      if (!condition.is(Kind::boolean)) return no_overload();
      if (!condition.as_boolean()) continue;
    }
    Entry entry;
    entry.key = locals_[e.first_slot];
    entry.value = is_filter ? entry.key : run(*e.arguments.back());
    if (entry.value.is_error()) return entry.value;
    if (!made.add(entry)) return too_expensive();
  }
  const auto entries = made.entries();
  if (e.loop == Loop::transform_map) {
    // The positions of a list, or the keys of a map: each is there once.
    const auto* const map = arena_.make<ValueMap>(entries.data(), entries.size());
    return map == nullptr ? too_expensive() : Value::map(map);
  }
  auto* const values = arena_.make_array<Value>(entries.size());
  if (values == nullptr) return too_expensive();
  std::transform(entries.begin(), entries.end(), values, [](const Entry& entry) { return entry.value; });
  const auto* const list = arena_.make<ValueList>(values, entries.size());
  return list == nullptr ? too_expensive() : Value::list(list);
}

}  // namespace callgate::cel
