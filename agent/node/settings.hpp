// From the configuration to what the parts of the daemon take.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <sys/types.h>

#include "base/result.hpp"
#include "config/config.hpp"

namespace callgate::v1 {
class ProxyLimits;
}

namespace callgate::node {

// Every field of the limits that a proxy keeps to.
[[nodiscard]] v1::ProxyLimits proxy_limits(const config::Config& config);

// The uid and gid behind `proxy.user`: a user's name, or "uid:gid". Errors not_found, refused for root.
[[nodiscard]] Result<std::pair<uid_t, gid_t>> proxy_user(const std::string& user);

// As configured, or one for each processor that this process may use; at most what a gate has ports for.
[[nodiscard]] std::uint32_t proxy_threads(const config::Config& config);

// Descriptors that a proxy needs where every connection its limits allow is there, with its way to the
// target.
[[nodiscard]] std::uint64_t descriptors_needed(const v1::ProxyLimits& limits, std::uint32_t threads);
// Lets this process and those that it starts have so many open files; returns how many they may have.
[[nodiscard]] std::uint64_t raise_descriptor_limit(std::uint64_t needed);
// Lowers the limit of connections to what `descriptors` are enough for.
void fit_connections(v1::ProxyLimits& limits, std::uint32_t threads, std::uint64_t descriptors);

// As configured, or beside `program`.
[[nodiscard]] std::string proxy_binary(const config::Config& config, const std::string& program);

}  // namespace callgate::node
