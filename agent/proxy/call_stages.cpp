#include "proxy/call_stages.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/path.hpp"

namespace callgate::proxy {
namespace {

void assign_lower(std::string& target, std::string_view text) {
  target.assign(text);
  for (char& c : target) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

}  // namespace

std::optional<Failure> NameStage::run(const http1::RequestHead& head, const kernel::Flow& flow,
                                      NamedCall& call) {
  assign_lower(call.host, head.host);
  call.path.clear();
  // Until the path is known to be one path, the record shows it as it was sent.
  const auto name_function = [&](std::string_view path) {
    call.function.assign("http:").append(head.method).append(1, ' ').append(call.host).append(path);
  };
  if (head.method == "CONNECT") {
    name_function({});
    return std::nullopt;
  }
  const auto path = policy::normalize_path(head.path, call.path);
  if (!path) {
    name_function(head.path);
    call.path.clear();
    return Failure{400, path.error().code, path.error().message};
  }
  if (path->data() != call.path.data()) call.path.assign(*path);
  name_function(call.path);
  if (head.port >= 0 && head.port != flow.destination.port) {
    return Failure{421, "port_mismatch",
                   fmt::format("the call is for port {}, but the connection was made to port {}", head.port,
                               flow.destination.port)};
  }
  return std::nullopt;
}

std::optional<Failure> CarriageStage::run(const http1::RequestHead& head) {
  if (head.method == "CONNECT") {
    return Failure{501, "connect_not_supported",
                   "tunnels are not carried for enforced workloads; call the target without a proxy setting"};
  }
  return std::nullopt;
}

policy::Decision DecisionStage::run(const policy::Engine& engine, const policy::Selection& selection,
                                    const NamedCall& call, std::string_view method, std::uint16_t port) {
  return engine.decide(selection, {call.host, port, "http", method, call.path});
}

std::optional<Failure> AddressStage::run(const policy::Upstream& upstream, const kernel::Flow& flow) {
  if (upstream.tls != policy::TlsRequirement::plaintext) return std::nullopt;
  const bool resolved =
      std::any_of(upstream.resolved.begin(), upstream.resolved.end(), [&](const Address& address) {
        return address.v6 == flow.destination.v6 && address.ip == flow.destination.ip;
      });
  if (resolved) return std::nullopt;
  return Failure{
      502, "plaintext_address_not_resolved",
      fmt::format("plaintext is permitted only to the addresses that the agent resolved from the target's "
                  "name, and {} is none of them",
                  ip_to_string(flow.destination))};
}

}  // namespace callgate::proxy
