// Changes of protocol (RFC 9110 section 7.8): what a client may offer, and what a server made of it.
#pragma once

#include <string>
#include <string_view>

#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

// The protocols that a gateway may offer on, "websocket, other": empty where the request offers none, or has
// a body, which would have to end before the protocol changes. Left out are h2c and TLS, whose own rules a
// target would then expect of the connection to the gateway.
[[nodiscard]] std::string upgrade_offer(const RequestHead& head);

// The protocol that a 101 changes to; empty unless it names exactly one.
[[nodiscard]] std::string_view accepted_upgrade(const ResponseHead& head);

// Whether `protocol` is one of `offer`, without regard to case.
[[nodiscard]] bool offers(std::string_view offer, std::string_view protocol);

}  // namespace callgate::http1
