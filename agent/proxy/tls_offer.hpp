// What a caller that speaks TLS itself offers, for its call's record.
#pragma once

#include "base/ids.hpp"
#include "protocol/tls/client_hello.hpp"
#include "proxy/recorder.hpp"

namespace callgate::proxy {

// False where the ring is too full.
[[nodiscard]] bool record_offer(Recorder& recorder, const Id& call, const tls::ClientHello& hello);

}  // namespace callgate::proxy
