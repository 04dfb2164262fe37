// The request line (RFC 9112 3) and the authority that a request asserts. Internal to the codec.
#pragma once

#include <string_view>

#include "protocol/http1/reader.hpp"

namespace callgate::http1 {

struct Authority {
  std::string_view text;
  std::string_view host;  // without brackets and trailing dot
  int port = -1;
};

// Reads method, target, path, query and version of a request line. `out` keeps views of `line`; its authority
// is set where the target carries one, else empty. Returns what is wrong, or nullptr.
[[nodiscard]] const Problem* read_request_line(std::string_view line, RequestHead& out);

// Reads host[:port].
[[nodiscard]] const Problem* read_authority(std::string_view text, Authority& out);

// True if a and b name the same host and port, where a missing port stands for `default_port`.
[[nodiscard]] bool same_authority(const Authority& a, const Authority& b, int default_port);

}  // namespace callgate::http1
