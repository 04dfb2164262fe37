// Memory for OpenSSL: as malloc gives it, but for the buffers of TLS records.
#pragma once

#include "base/result.hpp"

namespace callgate::transport {

// To be called before anything else of OpenSSL. An idle TLS connection has no record buffers (16 KiB each
// way), so every call takes them and gives them back; from malloc they cost more than the rest of the memory
// of a call, since they are large to it. From now on each thread keeps the last few. Error tls_failed:
// OpenSSL has memory already.
[[nodiscard]] Result<void> keep_record_buffers();

}  // namespace callgate::transport
