#include "node/settings.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <sys/resource.h>

#include "abi.h"
#include "callgate/v1/node.pb.h"

namespace callgate::node {
namespace {

// The caller's, the target's, and as many again that are kept for later.
constexpr std::uint64_t descriptors_per_connection = 3;
// Gates, stocks of sockets in each namespace, refused connections that wait for their record, and what a
// process has anyway.
constexpr std::uint64_t descriptors_of_thread = 512;

std::uint32_t milliseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

bool parse_number(std::string_view text, std::uint32_t& number) {
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

}  // namespace

v1::ProxyLimits proxy_limits(const config::Config& config) {
  v1::ProxyLimits limits;
  limits.set_head_bytes(config.limits.head);
  limits.set_field_count(config.limits.fields);
  limits.set_request_body_bytes(config.limits.request_body);
  limits.set_response_body_bytes(config.limits.response_body);
  limits.set_decision_body_bytes(config.limits.decision_body);
  limits.set_payload_bytes(config.record.payload_limit);
  limits.set_connections(config.limits.connections);
  limits.set_connections_per_workload(config.limits.connections_per_workload);
  limits.set_proof_time(milliseconds(config.tls.proof));
  limits.set_detect_timeout(milliseconds(config.timeouts.detect));
  limits.set_head_timeout(milliseconds(config.timeouts.head));
  limits.set_idle_timeout(milliseconds(config.timeouts.idle));
  limits.set_body_timeout(milliseconds(config.timeouts.body));
  limits.set_connect_timeout(milliseconds(config.timeouts.connect));
  limits.set_response_timeout(milliseconds(config.timeouts.response));
  limits.set_stream_timeout(milliseconds(config.timeouts.stream));
  limits.set_record_timeout(milliseconds(config.timeouts.record));
  limits.set_drain_timeout(milliseconds(config.timeouts.drain));
  limits.set_pool_idle(config.limits.pool_idle);
  limits.set_pool_idle_timeout(milliseconds(config.timeouts.pool_idle));
  limits.set_tunnel_idle_timeout(milliseconds(config.timeouts.tunnel_idle));
  return limits;
}

Result<std::pair<uid_t, gid_t>> proxy_user(const std::string& user) {
  std::pair<uid_t, gid_t> ids{0, 0};
  const auto colon = user.find(':');
  if (colon != std::string::npos) {
    if (!parse_number(std::string_view(user).substr(0, colon), ids.first) ||
        !parse_number(std::string_view(user).substr(colon + 1), ids.second)) {
      return make_error("invalid",
                        fmt::format("proxy.user: \"{}\" is neither a user's name nor uid:gid", user));
    }
  } else {
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
      return make_error(
          "not_found",
          fmt::format("proxy.user: there is no user {}: useradd --system {}, or name another", user, user));
    }
    ids = {found->pw_uid, found->pw_gid};
  }
  if (ids.first == 0 || ids.second == 0) {
    return make_error(
        "refused", "proxy.user: the proxy parses untrusted bytes and never runs as root: name another user");
  }
  return ids;
}

std::uint32_t proxy_threads(const config::Config& config) {
  std::uint32_t threads = config.proxy.threads;
  if (threads == 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    threads =
        ::sched_getaffinity(0, sizeof(set), &set) == 0 ? static_cast<std::uint32_t>(CPU_COUNT(&set)) : 1;
  }
  return std::clamp<std::uint32_t>(threads, 1, CALLGATE_MAX_GATE_PORTS);
}

std::uint64_t descriptors_needed(const v1::ProxyLimits& limits, std::uint32_t threads) {
  return threads * (descriptors_per_connection * std::uint64_t{limits.connections()} + descriptors_of_thread);
}

std::uint64_t raise_descriptor_limit(std::uint64_t needed) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  if (files.rlim_cur >= needed) return files.rlim_cur;
  const rlimit wanted{needed, std::max<rlim_t>(needed, files.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return needed;
  const rlimit possible{files.rlim_max, files.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &possible) == 0 ? files.rlim_max : files.rlim_cur;
}

void fit_connections(v1::ProxyLimits& limits, std::uint32_t threads, std::uint64_t descriptors) {
  const std::uint64_t share = descriptors / threads;
  const std::uint64_t connections =
      share > descriptors_of_thread ? (share - descriptors_of_thread) / descriptors_per_connection : 0;
  limits.set_connections(
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(connections, 1, limits.connections())));
}

std::string proxy_binary(const config::Config& config, const std::string& program) {
  if (!config.proxy.binary.empty()) return config.proxy.binary;
  return (std::filesystem::path(program).parent_path() / "callgate-proxy").string();
}

}  // namespace callgate::node
