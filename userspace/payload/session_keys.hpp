// The keys of sessions that have a key frame in a file that is being written.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/ids.hpp"
#include "payload/cipher.hpp"

namespace callgate::payload {

struct SessionKey {
  Key key;
  std::uint32_t frame = 0;  // offset of the key frame
};

// Bounded: the keys that were not used for the longest time go; their sessions get another one if they need
// it. One thread.
class SessionKeys {
 public:
  [[nodiscard]] const SessionKey* find(const Id& session) {
    if (const auto found = recent_.find(session); found != recent_.end()) return &found->second;
    const auto found = older_.find(session);
    if (found == older_.end()) return nullptr;
    return &add(session, SessionKey(found->second));
  }

  const SessionKey& add(const Id& session, const SessionKey& key) {
    if (recent_.size() >= half) {
      older_ = std::move(recent_);
      recent_.clear();
    }
    return recent_.insert_or_assign(session, key).first->second;
  }

 private:
  static constexpr std::size_t half = 4096;
  std::unordered_map<Id, SessionKey, IdHash> recent_;
  std::unordered_map<Id, SessionKey, IdHash> older_;
};

}  // namespace callgate::payload
