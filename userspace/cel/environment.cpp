#include "cel/environment.hpp"

#include <algorithm>
#include <stdexcept>

namespace callgate::cel {

std::optional<std::size_t> ObjectType::find(std::string_view field) const {
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const FieldDeclaration& known) { return known.name == field; });
  if (at == fields.end()) return std::nullopt;
  return static_cast<std::size_t>(at - fields.begin());
}

void Environment::declare(std::string name, Type type) {
  if (!by_name_.emplace(name, variables_.size()).second)
    throw std::invalid_argument("the variable " + name + " is declared twice");
  variables_.push_back({std::move(name), std::move(type)});
}

void Environment::declare(ObjectType object) {
  const std::string name = object.name;
  if (!objects_.emplace(name, std::move(object)).second)
    throw std::invalid_argument("the object " + name + " is declared twice");
}

void Environment::declare(const std::string& function, Overload overload) {
  functions_[function].push_back(std::move(overload));
}

std::span<const Overload> Environment::find_functions(std::string_view name) const {
  const auto at = functions_.find(name);
  return at == functions_.end() ? std::span<const Overload>{} : at->second;
}

std::optional<std::size_t> Environment::find_variable(std::string_view name) const {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return std::nullopt;
  return at->second;
}

const ObjectType* Environment::find_object(std::string_view name) const {
  const auto at = objects_.find(name);
  return at == objects_.end() ? nullptr : &at->second;
}

std::vector<std::string> Environment::candidates(std::string_view name) const {
  if (name.starts_with('.')) return {std::string(name.substr(1))};
  std::vector<std::string> found;
  for (std::string prefix = container_; !prefix.empty();) {
    found.push_back(prefix + "." + std::string(name));
    const auto dot = prefix.rfind('.');
    prefix = dot == std::string::npos ? std::string() : prefix.substr(0, dot);
  }
  found.emplace_back(name);
  return found;
}

}  // namespace callgate::cel
