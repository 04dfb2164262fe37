#include "proxy/call_stages.hpp"

#include <algorithm>

#include <boost/container/small_vector.hpp>
#include <fmt/format.h>

#include "policy/path.hpp"
#include "proxy/session.hpp"

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

std::optional<Failure> CarriageStage::run(std::string_view method) {
  if (method == "CONNECT") {
    return Failure{501, "connect_not_supported",
                   "tunnels are not carried for enforced workloads; call the target without a proxy setting"};
  }
  return std::nullopt;
}

policy::Decision DecisionStage::run(const Session& session, const NamedCall& named,
                                    const http1::RequestHead& head, const policy::Body& body) {
  const policy::Engine& engine = *session.policy()->engine;
  const Address& address = session.flow().destination;
  policy::Call call{named.host, address.port, "http", head.method, named.path, &address};
  if (!engine.has_conditions()) return engine.decide(session.selection(), session.caller(), call);
  boost::container::small_vector<policy::HeaderField, 32> fields;
  for (const http1::Field& field : head.fields)
    fields.push_back({field.name, field.value});
  call.headers = {fields.data(), fields.size()};
  call.query = head.query;
  if (head.framing == http1::Framing::length) call.size = head.content_length;
  if (head.framing == http1::Framing::none) call.size = 0;
  call.body = body;
  return engine.decide(session.selection(), session.caller(), call);
}

policy::Decision DecisionStage::run(const Session& session, const NamedCall& named, std::string_view raw_head,
                                    const http1::Limits& limits, const policy::Body& body) {
  http1::RequestReader reader(limits);
  (void)reader.step(raw_head);
  return run(session, named, reader.head(), body);
}

policy::Decision ConnectionStage::run(const Session& session, std::string_view protocol,
                                      std::string_view host) {
  const Address& address = session.flow().destination;
  return session.policy()->engine->decide(session.selection(), session.caller(),
                                          {host, address.port, protocol, "connect", {}, &address});
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
