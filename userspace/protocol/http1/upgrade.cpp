#include "protocol/http1/upgrade.hpp"

#include <algorithm>

#include "protocol/http1/characters.hpp"
#include "protocol/http1/fields.hpp"

namespace callgate::http1 {
namespace {

// Calls `use` with each element of all Upgrade fields; false if it said so.
template <typename Use>
bool each_protocol(const Head& head, Use use) {
  return std::all_of(head.fields.begin(), head.fields.end(), [&](const Field& field) {
    return known_field(field.name) != KnownField::upgrade || for_each_element(field.value, use);
  });
}

bool is_protocol(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_a(class_token, c) || c == '/'; });
}

bool may_be_offered(std::string_view protocol) {
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  return is_protocol(protocol) && !equals_ignoring_case(name, "h2c") && !equals_ignoring_case(name, "tls");
}

}  // namespace

std::string upgrade_offer(const RequestHead& head) {
  std::string offer;
  if (!head.upgrade || head.framing != Framing::none || head.method == "CONNECT") return offer;
  each_protocol(head, [&](std::string_view protocol) {
    if (!may_be_offered(protocol)) return true;
    if (!offer.empty()) offer += ", ";
    offer += protocol;
    return true;
  });
  return offer;
}

std::string_view accepted_upgrade(const ResponseHead& head) {
  std::string_view accepted;
  const bool one = each_protocol(head, [&](std::string_view protocol) {
    if (!accepted.empty() || !is_protocol(protocol)) return false;
    accepted = protocol;
    return true;
  });
  return one ? accepted : std::string_view();
}

bool offers(std::string_view offer, std::string_view protocol) {
  return !protocol.empty() && !for_each_element(offer, [&](std::string_view offered) {
    return !equals_ignoring_case(offered, protocol);
  });
}

}  // namespace callgate::http1
