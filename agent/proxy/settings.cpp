#include "proxy/settings.hpp"

#include <fmt/format.h>

#include "callgate/v1/node.pb.h"

namespace callgate::proxy {
namespace {

constexpr std::uint64_t largest_head = 1U << 20U;

Error bad(std::string_view name, std::uint64_t value) {
  return make_error("bad_limits",
                    fmt::format("the limit {} cannot be {}: correct the agent's configuration", name, value));
}

}  // namespace

Result<Settings> make_settings(const v1::ProxyLimits& limits) {
  struct Time {
    const char* name;
    std::uint32_t milliseconds;
    Nanoseconds Settings::*member;
  };
  const Time times[] = {
      {"proof_time", limits.proof_time(), &Settings::proof_time},
      {"detect_timeout", limits.detect_timeout(), &Settings::detect_timeout},
      {"head_timeout", limits.head_timeout(), &Settings::head_timeout},
      {"idle_timeout", limits.idle_timeout(), &Settings::idle_timeout},
      {"body_timeout", limits.body_timeout(), &Settings::body_timeout},
      {"connect_timeout", limits.connect_timeout(), &Settings::connect_timeout},
      {"response_timeout", limits.response_timeout(), &Settings::response_timeout},
      {"stream_timeout", limits.stream_timeout(), &Settings::stream_timeout},
      {"record_timeout", limits.record_timeout(), &Settings::record_timeout},
      {"drain_timeout", limits.drain_timeout(), &Settings::drain_timeout},
      {"pool_idle_timeout", limits.pool_idle_timeout(), &Settings::pool_idle_timeout},
  };
  Settings settings;
  for (const Time& time : times) {
    if (time.milliseconds == 0) return bad(time.name, 0);
    settings.*time.member = time.milliseconds * nanoseconds_per_millisecond;
  }
  if (limits.head_bytes() == 0 || limits.head_bytes() > largest_head)
    return bad("head_bytes", limits.head_bytes());
  if (limits.field_count() == 0 || limits.field_count() > 65535)
    return bad("field_count", limits.field_count());
  if (limits.decision_body_bytes() == 0) return bad("decision_body_bytes", 0);
  if (limits.connections() == 0) return bad("connections", 0);
  if (limits.connections_per_workload() == 0) return bad("connections_per_workload", 0);

  settings.request.head_bytes = limits.head_bytes();
  settings.request.field_count = limits.field_count();
  settings.request.body_bytes = limits.request_body_bytes();
  settings.response = settings.request;
  settings.response.body_bytes = limits.response_body_bytes();
  settings.decision_body_bytes = limits.decision_body_bytes();
  settings.payload_bytes = limits.payload_bytes();
  settings.connections = limits.connections();
  settings.connections_per_workload = limits.connections_per_workload();
  settings.pool_idle = limits.pool_idle();
  settings.tunnel_idle_timeout = limits.tunnel_idle_timeout() * nanoseconds_per_millisecond;
  return settings;
}

}  // namespace callgate::proxy
