#include "suggest/recorded_call.hpp"

#include <algorithm>
#include <array>

#include "suggest/segment.hpp"

namespace callgate::suggest {
namespace {

// Records cut functions of more than 8,192 bytes (record/event.hpp), and say only that something was cut.
constexpr std::size_t could_be_cut = 8000;

// Reasons that stand for no decision of a policy (agent/proxy).
constexpr std::array<std::string_view, 6> undecided_reasons{
    "bad_path",      "ambiguous_path",        "path_above_root",
    "port_mismatch", "connect_not_supported", "ambiguous_target"};

std::optional<Address> address_of(const v1::Endpoint& endpoint) {
  if (endpoint.ip().size() != 4 && endpoint.ip().size() != 16) return std::nullopt;
  Address address;
  std::transform(endpoint.ip().begin(), endpoint.ip().end(), address.ip.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  address.v6 = endpoint.ip().size() == 16;
  address.port = static_cast<std::uint16_t>(endpoint.port());
  return address;
}

Result<void> read_http(std::string_view rest, RecordedCall& call) {
  const auto space = rest.find(' ');
  if (space == std::string_view::npos || space == 0)
    return make_error("bad_function", "the record does not say what was called");
  call.method = rest.substr(0, space);
  const auto where = rest.substr(space + 1);
  if (!where.starts_with(call.host))
    return make_error("bad_function", "the record does not say at whom it was called");
  call.path = where.substr(call.host.size());
  if (!is_normal_path(call.path)) return make_error("bad_path", "no policy can speak of the path");
  return {};
}

}  // namespace

Standing standing_of(const v1::Record& record) {
  const auto& decision = record.decision();
  if (decision.verdict() == v1::VERDICT_ALLOW) return Standing::used;
  if (decision.verdict() != v1::VERDICT_DENY) return Standing::undecided;
  const bool refused = std::find(undecided_reasons.begin(), undecided_reasons.end(), decision.reason()) !=
                       undecided_reasons.end();
  if (refused) return Standing::undecided;
  if (!decision.enforced()) return Standing::used;
  return record.outcome() == v1::OUTCOME_REFUSED ? Standing::undecided : Standing::denied;
}

policy::Call RecordedCall::call() const {
  policy::Call call{host, port, protocol, method, path, address ? &*address : nullptr};
  call.time_ns = opened_ns;
  call.from_record = true;
  return call;
}

Result<RecordedCall> read_call(const v1::Record& record) {
  if (record.kind() != v1::Record::KIND_CALL) return make_error("no_call", "the connection came to no call");
  const std::string_view function = record.function();
  if (record.text_truncated() && function.size() >= could_be_cut)
    return make_error("text_cut", "the function was too long for its record");
  RecordedCall call;
  call.host = record.target().host();
  call.port = static_cast<std::uint16_t>(std::min<std::uint32_t>(record.target().port(), 65535));
  call.address = address_of(record.destination());
  call.opened_ns = record.opened_ns();
  if (function == "tcp:connect") {
    call.protocol = "tcp";
    call.method = "connect";
  } else if (function.starts_with("tls:connect ")) {
    call.protocol = "tls";
    call.method = "connect";
  } else if (function.starts_with("http:")) {
    call.protocol = "http";
    CALLGATE_TRY(read_http(function.substr(5), call));
  } else {
    return make_error("bad_function", "the record does not say what was called");
  }
  return call;
}

policy::Caller caller_of(const v1::Record& record) {
  const auto& process = record.process();
  policy::Caller caller;
  caller.workload = record.workload().name();
  caller.identity = record.workload().spiffe_id();
  if (process.resolved()) caller.process = process.exe_path();
  return caller;
}

}  // namespace callgate::suggest
