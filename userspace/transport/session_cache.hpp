// Sessions that can be resumed, by what they were proved for.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "identity/openssl.hpp"
#include "transport/peer_verification.hpp"
#include "transport/tls_client.hpp"

namespace callgate::transport {

struct ResumableSession {
  identity::SessionPtr session;
  std::shared_ptr<const ProvedTarget> target;  // shared: by all sessions that stem from one full handshake
};

// Bounded: the least recently used requirement goes first.
class SessionCache {
 public:
  static constexpr std::size_t sessions_per_requirement = 8;
  static constexpr std::size_t requirements_kept = 32;

  void put(const TargetRequirement& requirement, ResumableSession session);
  // A session whose proof holds at `now` (seconds since 1970), the newest first; without a session if there
  // is none. A TLS 1.3 session is given once only (RFC 8446, appendix C.4).
  [[nodiscard]] ResumableSession take(const TargetRequirement& requirement, std::uint64_t now);

 private:
  struct Entry {
    std::string key;
    std::vector<ResumableSession> sessions;  // the newest last
  };
  std::list<Entry> entries_;  // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
};

}  // namespace callgate::transport
