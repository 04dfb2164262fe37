// What names mean: variables, locals of macros, types, and fields.
#include <algorithm>
#include <utility>

#include "cel/checking.hpp"
#include "cel/suggestion.hpp"
#include "cel/well_known.hpp"

namespace callgate::cel {
const Checking::Local* Checking::find_local(std::string_view name) const {
  const auto at =
      std::find_if(locals_.rbegin(), locals_.rend(), [&](const Local& local) { return local.name == name; });
  return at == locals_.rend() ? nullptr : &*at;
}

bool Checking::refer(Expression& e, const std::string& name, Type& type) {
  for (const std::string& candidate : environment_.candidates(name)) {
    if (const auto variable = environment_.find_variable(candidate)) {
      e.form = Form::name;
      e.target = nullptr;
      e.text = candidate;
      e.reference = Reference::variable;
      e.slot = *variable;
      type = environment_.variables()[*variable].type;
      path_ = candidate;
      checked_.uses.push_back(path_);
      return true;
    }
    if (candidate == "google.protobuf.NullValue.NULL_VALUE") {
      e.form = Form::literal;
      e.target = nullptr;
      e.value = Value::integer(0);
      type = leave(Type(Kind::integer));
      return true;
    }
    if (const char* known = find_type_name(candidate)) {
      e.form = Form::name;
      e.target = nullptr;
      e.text = known;
      e.reference = Reference::type;
      type = leave(Type::type(type_named(known)));
      return true;
    }
  }
  return false;
}

Type Checking::name(Expression& e) {
  if (const Local* local = find_local(e.text)) {
    e.reference = Reference::local;
    e.slot = local->slot;
    return leave(local->type);
  }
  Type type;
  if (refer(e, e.text, type)) return type;
  path_.clear();
  std::vector<std::string_view> known;
  for (const auto& variable : environment_.variables())
    known.push_back(variable.name);
  return misfit(e, "there is no `" + shortened(e.text) + "`", suggestion(e.text, known));
}

bool Checking::qualified(const Expression& e, std::string& text) const {
  if (e.form == Form::name) {
    if (e.reference != Reference::unresolved || find_local(e.text) != nullptr) return false;
    text = e.text;
    return true;
  }
  if (e.form != Form::select || !qualified(*e.target, text)) return false;
  text += "." + e.text;
  return true;
}

Type Checking::select(Expression& e) {
  std::string whole;
  Type type;
  if (qualified(e, whole) && refer(e, whole, type)) return type;
  return field(e, check_part(*e.target));
}

Type Checking::has(Expression& e) {
  (void)field(e, check_part(*e.target));
  return leave(Type(Kind::boolean));
}

Type Checking::field(Expression& e, const Type& of) {
  const Type target = types_.resolve(of);
  const std::string parent = path_;
  if (target.is(Kind::object)) {
    const ObjectType* object = environment_.find_object(target.name());
    const auto position = object != nullptr ? object->find(e.text) : std::nullopt;
    if (!position) {
      checked_.finds_fields = true;
      std::vector<std::string_view> known;
      for (std::size_t i = 0; object != nullptr && i < object->fields.size(); ++i)
        known.push_back(object->fields[i].name);
      return leave(
          misfit(e, (parent.empty() ? target.name() : parent) + " has no field `" + shortened(e.text) + "`",
                 suggestion(e.text, known)));
    }
    if (parent.empty()) {
      // Something of unknown type may have got among the objects.
      checked_.finds_fields = true;
    } else {
      e.slot = *position + 1;
      path_ = parent + "." + e.text;
      checked_.uses.push_back(path_);
    }
    return object->fields[*position].type;
  }
  path_.clear();
  if (target.is(Kind::map)) {
    if (!types_.assign(target.arguments()[0], Type(Kind::string)))
      return misfit(e, "the keys of this map are no strings", "write map[key]");
    return target.arguments()[1];
  }
  checked_.finds_fields = true;
  if (target.is(Kind::dyn) || target.is(Kind::variable)) return {};
  return misfit(e, "a " + target.text() + " has no field `" + shortened(e.text) + "`");
}

}  // namespace callgate::cel
