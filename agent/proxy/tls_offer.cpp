#include "proxy/tls_offer.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/tls/version.hpp"

namespace callgate::proxy {

bool record_offer(CallRecord& record, const tls::ClientHello& hello) {
  std::vector<std::string> names;
  std::transform(hello.versions.begin(), hello.versions.end(), std::back_inserter(names), tls::version_name);
  const std::string versions = fmt::format("{}", fmt::join(names, ","));
  const std::string protocols = fmt::format("{}", fmt::join(hello.protocols, ","));
  return record.client(hello.encrypted_client_hello, {hello.server_name, versions, protocols});
}

}  // namespace callgate::proxy
