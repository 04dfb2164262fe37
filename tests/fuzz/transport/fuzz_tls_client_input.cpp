// Any bytes as the answer of a target. The first byte chooses what is required and how the bytes arrive.
// Nothing that is not a handshake under way may end as a verified connection.
#include <algorithm>
#include <cstdlib>

#include <sys/socket.h>
#include <unistd.h>

#include "transport/tls_client.hpp"

using namespace callgate;
using transport::IoStatus;

namespace {

// The authority of the certificates in the corpus; nobody has its key.
constexpr const char* root_pem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBXjCCAQSgAwIBAgIEQuPkbTAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlmdXp6\n"
    "IHJvb3QwIBcNMjYxMTIyMDgxNTU5WhgPMjEyNjEwMjkwOTE1NTlaMBQxEjAQBgNV\n"
    "BAMMCWZ1enogcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGta/cjahVn3\n"
    "2ihgChyxCdR/tYUKSEAyBh9gUJ5emii+LTjdarJZEtiP6jzwL8smahE1a0kdAgtL\n"
    "ssai7BHOiqGjQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0G\n"
    "A1UdDgQWBBRIEQ5Zmjb0AhLjzasQLSitc1nkAzAKBggqhkjOPQQDAgNIADBFAiBr\n"
    "lj09hav2WcH9zPmBpodSPT37gPK8ndWLi/32dxsidQIhAJvFdSI3ubgSG/zMp9kj\n"
    "ctsEUGV+5NLYe/RUVOIHKXoD\n"
    "-----END CERTIFICATE-----\n";

// 2027-01-01: within the period of the corpus' certificates, whenever this runs.
std::uint64_t fixed_clock() {
  return 1'798'761'600'000'000'000U;
}

bool finished(const transport::TlsConnection& connection, IoStatus status) {
  if (status == IoStatus::want_read || status == IoStatus::want_write) return false;
  // Answering our random challenge takes a key, and the fuzzer has none.
  if (status != IoStatus::failed) std::abort();
  if (connection.error().code.rfind("tls_", 0) != 0 || connection.error().message.empty()) std::abort();
  for (const char c : connection.error().message) {
    if (c < 0x20 || c > 0x7e) std::abort();
  }
  if (connection.error().message.size() > 2000) std::abort();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto client =
      transport::TlsClient::make({}, {root_pem, root_pem, "prod"}, fixed_clock).value();
  if (size < 2 || size > 60'000) return 0;
  const auto mode = data[0];
  Bytes answer(data + 1, size - 1);
  transport::TargetRequirement requirement;
  requirement.name = "a.example";
  requirement.allow_tls12 = true;
  if ((mode & 1U) != 0) requirement.identity = "spiffe://prod/a";
  if ((mode & 2U) != 0) requirement.verify = false;
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  const Fd peer(fds[1]);
  const auto connection = transport::TlsConnection::start(client, Fd(fds[0]), requirement).value();
  auto status = connection->handshake();
  const std::size_t step = (mode & 4U) != 0 ? 1 + answer.size() / 50 : answer.size();
  while (!finished(*connection, status) && !answer.empty()) {
    const auto count = std::min(step, answer.size());
    if (::send(peer.get(), answer.data(), count, MSG_NOSIGNAL) != static_cast<ssize_t>(count)) std::abort();
    answer = answer.subspan(count);
    status = connection->handshake();
  }
  if (!finished(*connection, status)) {
    ::shutdown(peer.get(), SHUT_WR);
    if (!finished(*connection, connection->handshake())) std::abort();
  }
  std::uint8_t byte = 0;
  if (connection->read({&byte, 1}).status != IoStatus::failed) std::abort();
  if (connection->write(Bytes(&byte, 1)).status != IoStatus::failed) std::abort();
  return 0;
}
