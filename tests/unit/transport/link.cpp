#include "link.hpp"

namespace callgate::test {

using transport::IoResult;
using transport::IoStatus;

namespace {
// Far more turns than any exchange here takes: a test that hangs fails instead.
constexpr int most_turns = 200'000;
}  // namespace

IoStatus Link::handshake(std::size_t chunk) {
  for (int turn = 0; turn < most_turns; ++turn) {
    const auto status = client->handshake();
    if (status == IoStatus::ok || status == IoStatus::failed) {
      server->pump();
      return status;
    }
    server->pump(chunk);
  }
  FAIL("the handshake does not end");
  return IoStatus::failed;
}

std::string Link::handshake_code(std::size_t chunk) {
  return handshake(chunk) == IoStatus::ok ? "ok" : client->error().code;
}

IoResult Link::read(std::string& into, std::size_t size, std::size_t chunk) {
  std::vector<std::uint8_t> buffer(20'000);
  for (int turn = 0; turn < most_turns && into.size() < size; ++turn) {
    const auto result = client->read(buffer);
    if (result.status == IoStatus::ok) {
      into.append(as_text(Bytes(buffer).first(result.size)));
      continue;
    }
    if (result.status != IoStatus::want_read) return result;
    CHECK_FALSE(client->has_buffered());
    server->pump(chunk);
  }
  return {into.size() >= size ? IoStatus::ok : IoStatus::want_read, into.size()};
}

IoStatus Link::write(std::string_view text) {
  for (int turn = 0; turn < most_turns && !text.empty(); ++turn) {
    const auto result = client->write(as_bytes(text));
    if (result.status == IoStatus::ok) {
      text.remove_prefix(result.size);
    } else if (result.status != IoStatus::want_write && result.status != IoStatus::want_read) {
      return result.status;
    }
    if (server) server->pump();
  }
  return text.empty() ? IoStatus::ok : IoStatus::want_write;
}

std::shared_ptr<transport::TlsClient> make_client(const transport::TrustAnchors& anchors,
                                                  const transport::ClientIdentity& identity,
                                                  transport::TlsClient::Clock clock) {
  return transport::TlsClient::make(identity, anchors, clock).value();
}

Link connect(const std::shared_ptr<transport::TlsClient>& client, SSL_CTX* server,
             const transport::TargetRequirement& requirement, int buffer) {
  auto pair = make_socket_pair(buffer);
  Link link;
  link.client = transport::TlsConnection::start(client, std::move(pair.client), requirement).value();
  link.server = std::make_unique<TestServer>(server, std::move(pair.server));
  return link;
}

transport::TargetRequirement by_name(const std::string& name) {
  transport::TargetRequirement requirement;
  requirement.name = name;
  return requirement;
}

transport::TargetRequirement by_identity(const std::string& id) {
  transport::TargetRequirement requirement;
  requirement.identity = id;
  return requirement;
}

const World& world() {
  static const World made;
  return made;
}

}  // namespace callgate::test
