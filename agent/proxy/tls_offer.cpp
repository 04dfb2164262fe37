#include "proxy/tls_offer.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "protocol/tls/version.hpp"

namespace callgate::proxy {
namespace {

// Of IANA's registry, those that servers of companies choose by.
constexpr std::array<std::string_view, 24> registered{
    "h2",         "http/1.1",  "http/1.0",   "imap",  "pop3",    "managesieve", "ftp",         "mqtt",
    "postgresql", "tds/8.0",   "smb",        "dicom", "irc",     "nntp",        "xmpp-client", "xmpp-server",
    "sip/2",      "stun.turn", "acme-tls/1", "dot",   "ntske/1", "coap",        "sunrpc",      "radius/1.1"};
constexpr std::size_t most_protocols = 4;

}  // namespace

bool record_offer(CallRecord& record, const tls::ClientHello& hello) {
  std::vector<std::string> names;
  std::transform(hello.versions.begin(), hello.versions.end(), std::back_inserter(names), tls::version_name);
  const std::string versions = fmt::format("{}", fmt::join(names, ","));
  const std::string protocols = fmt::format("{}", fmt::join(hello.protocols, ","));
  return record.client(hello.encrypted_client_hello, {hello.server_name, versions, protocols});
}

std::vector<std::string> probe_protocols(const tls::ClientHello& hello) {
  std::vector<std::string> offered;
  for (const std::string_view protocol : registered) {
    if (offered.size() == most_protocols) break;
    if (std::find(hello.protocols.begin(), hello.protocols.end(), protocol) != hello.protocols.end())
      offered.emplace_back(protocol);
  }
  return offered;
}

std::uint16_t lowest_version(const policy::Upstream& upstream) {
  // A target that may be called in plaintext may be called in any TLS.
  if (upstream.tls == policy::TlsRequirement::plaintext) return 0;
  return upstream.allow_tls12 ? tls::version_1_2 : tls::version_1_3;
}

}  // namespace callgate::proxy
