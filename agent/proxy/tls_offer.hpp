// What a caller that speaks TLS itself offers: for its call's record, and for the probe of its target.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/engine.hpp"
#include "protocol/tls/client_hello.hpp"
#include "proxy/call_record.hpp"

namespace callgate::proxy {

// False where the ring is too full.
[[nodiscard]] bool record_offer(CallRecord& record, const tls::ClientHello& hello);

// The application protocols (ALPN) that a probe offers for the caller: of those that it offers itself, a few
// with registered names, in an order of ours. Other names could be messages to a target that nobody knows.
[[nodiscard]] std::vector<std::string> probe_protocols(const tls::ClientHello& hello);

// The lowest version of TLS that may be spoken with a target.
[[nodiscard]] std::uint16_t lowest_version(const policy::Upstream& upstream);

}  // namespace callgate::proxy
