#include "transport/session_cache.hpp"

#include <ctime>

#include <fmt/format.h>

namespace callgate::transport {
namespace {

// Equal only for equal requirements: the texts are preceded by their sizes.
std::string key_of(const TargetRequirement& requirement) {
  return fmt::format("{:d}{:d}{:d}{:d},{},{}:{},{}:{},{}", requirement.verify, requirement.trust_bundle,
                     requirement.require_client_certificate_request, requirement.allow_tls12,
                     requirement.port, requirement.name.size(), requirement.name, requirement.identity.size(),
                     requirement.identity, fmt::join(requirement.application_protocols, ","));
}

bool is_single_use(const SSL_SESSION* session) {
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

bool is_usable(const ResumableSession& candidate, std::uint64_t now) {
  const SSL_SESSION* const session = candidate.session.get();
  const std::time_t age = std::time(nullptr) - static_cast<std::time_t>(SSL_SESSION_get_time(session));
  return SSL_SESSION_is_resumable(session) == 1 &&
         age < static_cast<std::time_t>(SSL_SESSION_get_timeout(session)) &&
         candidate.target->valid_from <= now && now < candidate.target->valid_until;
}

}  // namespace

void SessionCache::put(const TargetRequirement& requirement, ResumableSession session) {
  auto key = key_of(requirement);
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
  } else {
    entries_.push_front({key, {}});
    by_key_.emplace(std::move(key), entries_.begin());
    if (entries_.size() > requirements_kept) {
      by_key_.erase(entries_.back().key);
      entries_.pop_back();
    }
  }
  auto& sessions = entries_.front().sessions;
  if (!is_single_use(session.session.get())) sessions.clear();
  if (sessions.size() == sessions_per_requirement) sessions.erase(sessions.begin());
  sessions.push_back(std::move(session));
}

ResumableSession SessionCache::take(const TargetRequirement& requirement, std::uint64_t now) {
  const auto known = by_key_.find(key_of(requirement));
  if (known == by_key_.end()) return {};
  entries_.splice(entries_.begin(), entries_, known->second);
  auto& sessions = entries_.front().sessions;
  while (!sessions.empty()) {
    auto& newest = sessions.back();
    if (!is_usable(newest, now)) {
      sessions.pop_back();
      continue;
    }
    if (!is_single_use(newest.session.get())) {
      SSL_SESSION_up_ref(newest.session.get());
      return {identity::SessionPtr(newest.session.get()), newest.target};
    }
    auto taken = std::move(newest);
    sessions.pop_back();
    return taken;
  }
  return {};
}

}  // namespace callgate::transport
