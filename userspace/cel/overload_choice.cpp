#include "cel/overload_choice.hpp"

namespace callgate::cel {
namespace {

using Kind = Type::Kind;

// Nothing where the overload is not for what is given.
std::optional<Type> result_of(Unification& types, const Overload& overload, std::span<const Type> given) {
  std::vector<std::optional<Type>> fresh_ones;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!types.assign(types.instantiate(overload.arguments[i], fresh_ones), given[i])) return std::nullopt;
  }
  return types.resolve(types.instantiate(overload.result, fresh_ones));
}

bool may_be_number(const Type& type) {
  return type.is(Kind::integer) || type.is(Kind::unsigned_integer) || type.is(Kind::real) ||
         type.is(Kind::dyn) || type.is(Kind::variable);
}

}  // namespace

std::optional<Type> choose_overload(Unification& types, bool member, std::span<const Type> given,
                                    std::span<const Overload> overloads) {
  std::optional<Type> result;
  const Overload* first = nullptr;
  bool several = false;
  for (const Overload& overload : overloads) {
    if (overload.member != member || overload.arguments.size() != given.size()) continue;
    const auto before = types.mark();
    if (const auto made = result_of(types, overload, given)) {
      several = several || (result && !(*result == *made));
      if (first == nullptr) {
        first = &overload;
        result = made;
      }
    }
    types.undo(before);
  }
  if (first == nullptr) return std::nullopt;
  if (several) return Type();
  // Once more, for what it teaches.
  return result_of(types, *first, given);
}

std::optional<Type> common_number(const Unification& types, std::span<const Type> given) {
  std::vector<Type> known;
  for (const Type& type : given)
    known.push_back(types.resolve(type));
  if (known.size() == 1 && known[0].is(Kind::list)) known = {Type(known[0].arguments()[0])};
  std::optional<Type> common;
  for (const Type& type : known) {
    if (!may_be_number(type)) return std::nullopt;
    common = !common || *common == type ? type : Type();
  }
  return common && common->is(Kind::variable) ? Type() : common;
}

}  // namespace callgate::cel
