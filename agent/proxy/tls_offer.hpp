// What a caller that speaks TLS itself offers, for its call's record.
#pragma once

#include "protocol/tls/client_hello.hpp"
#include "proxy/call_record.hpp"

namespace callgate::proxy {

// False where the ring is too full.
[[nodiscard]] bool record_offer(CallRecord& record, const tls::ClientHello& hello);

}  // namespace callgate::proxy
