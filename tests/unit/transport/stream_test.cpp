// Moving bytes: splits, blocked sockets, many connections on one thread, and peers that misbehave.
#include <algorithm>
#include <random>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <sys/socket.h>

#include "link.hpp"

using namespace callgate;
using namespace callgate::test;
using transport::IoStatus;

namespace {

const Issued& certificate() {
  static const Issued issued = world().server("DNS:a.example");
  return issued;
}

SSL_CTX* server_context(int version = TLS1_3_VERSION) {
  static const auto make = [](int only) {
    ServerOptions options;
    options.minimum_version = options.maximum_version = only;
    return make_server_context(certificate(), options);
  };
  static const auto new_one = make(TLS1_3_VERSION);
  static const auto old_one = make(TLS1_2_VERSION);
  return (version == TLS1_3_VERSION ? new_one : old_one).get();
}

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 source(seed);
  std::string text(size, '\0');
  for (char& c : text)
    c = static_cast<char>(source());
  return text;
}

Link open_link(int buffer = 0) {
  auto link = connect(make_client(world().anchors()), server_context(), by_name("a.example"), buffer);
  REQUIRE(link.handshake() == IoStatus::ok);
  return link;
}

// A client whose peer is a bare socket that sends `answer` and, if asked, ends the stream.
struct Stranger {
  std::unique_ptr<transport::TlsConnection> client;
  Fd peer;

  explicit Stranger(std::string_view answer, bool end = false) {
    auto pair = make_socket_pair();
    client = transport::TlsConnection::start(make_client(world().anchors()), std::move(pair.client),
                                             by_name("a.example"))
                 .value();
    peer = std::move(pair.server);
    if (!answer.empty()) REQUIRE(::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL) > 0);
    if (end) REQUIRE(::shutdown(peer.get(), SHUT_WR) == 0);
  }
  std::string code() {
    const auto status = client->handshake();
    if (status == IoStatus::want_read) return "want_read";
    if (status == IoStatus::ok) return "ok";
    return client->error().code;
  }
};

}  // namespace

TEST_CASE("requests and answers pass, and a close is told from an end") {
  auto link = open_link();
  CHECK(link.write("request") == IoStatus::ok);
  CHECK(link.server->received() == "request");
  link.server->send("answer");
  std::string answer;
  CHECK(link.read(answer, 6).status == IoStatus::ok);
  CHECK(answer == "answer");
  link.server->send("last");
  link.server->close_with_notify();
  link.server->pump();
  answer.clear();
  CHECK(link.read(answer, 5).status == IoStatus::closed);
  CHECK(answer == "last");
  std::uint8_t byte = 0;
  CHECK(link.client->read({&byte, 1}).status == IoStatus::closed);
}

TEST_CASE("a stream that ends without a close message is truncated") {
  auto link = open_link();
  link.server->send("part");
  link.server->close_bare();
  std::string answer;
  CHECK(link.read(answer, 5).status == IoStatus::failed);
  CHECK(answer == "part");
  CHECK(link.client->error().code == "tls_truncated");
}

TEST_CASE("a client's close message reaches the target") {
  auto link = open_link();
  link.client->shut_down();
  link.server->pump();
  CHECK(link.server->saw_close_notify());
  CHECK(link.client->write(as_bytes("x")).status == IoStatus::failed);
}

TEST_CASE("the target's bytes may come one at a time") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto requirement = by_name("a.example");
    requirement.allow_tls12 = true;
    auto link = connect(make_client(world().anchors()), server_context(version), requirement);
    REQUIRE(link.handshake(1) == IoStatus::ok);
    link.server->send("an answer in two");
    std::string answer;
    CHECK(link.read(answer, 16, 1).status == IoStatus::ok);
    link.server->send(" records");
    CHECK(link.read(answer, 24, 1).status == IoStatus::ok);
    CHECK(answer == "an answer in two records");
  }
}

TEST_CASE("the target's bytes may come in pieces of any size") {
  const auto text = random_text(40'000, 1);
  for (const std::size_t chunk : {2U, 3U, 5U, 7U, 100U, 1000U, 16'401U, 30'000U}) {
    auto link = connect(make_client(world().anchors()), server_context(), by_name("a.example"));
    REQUIRE(link.handshake(chunk) == IoStatus::ok);
    link.server->send(text);
    std::string answer;
    REQUIRE(link.read(answer, text.size(), chunk).status == IoStatus::ok);
    CHECK(answer == text);
  }
}

TEST_CASE("a small buffer gets everything, in order, without waiting for the socket") {
  auto link = open_link();
  const auto text = random_text(5000, 2);
  link.server->send(text);
  link.server->pump();
  std::string answer;
  std::uint8_t buffer[7];
  do {
    const auto result = link.client->read(buffer);
    REQUIRE(result.status == IoStatus::ok);
    answer.append(as_text(Bytes(buffer).first(result.size)));
  } while (link.client->has_buffered());
  CHECK(answer == text);
  CHECK(link.client->read(buffer).status == IoStatus::want_read);
}

TEST_CASE("large transfers pass both ways through sockets that block") {
  auto link = open_link(4096);
  const auto up = random_text(3'000'000, 3);
  const auto down = random_text(3'000'000, 4);
  link.server->send(down);
  std::string received;
  std::string_view left = up;
  std::vector<std::uint8_t> buffer(70'000);
  int blocked = 0;
  for (int turn = 0; turn < 1'000'000 && (!left.empty() || received.size() < down.size()); ++turn) {
    if (!left.empty()) {
      const auto written = link.client->write(as_bytes(left));
      REQUIRE((written.status == IoStatus::ok || written.status == IoStatus::want_write));
      if (written.status == IoStatus::ok) left.remove_prefix(written.size);
      if (written.status == IoStatus::want_write) ++blocked;
    }
    const auto got = link.client->read(buffer);
    REQUIRE((got.status == IoStatus::ok || got.status == IoStatus::want_read));
    if (got.status == IoStatus::ok) received.append(as_text(Bytes(buffer).first(got.size)));
    link.server->pump(20'000);
  }
  CHECK(blocked > 0);
  CHECK(received == down);
  CHECK(link.server->received() == up);
}

TEST_CASE("a blocked write reports its bytes exactly once") {
  auto link = open_link(4096);
  const auto text = random_text(200'000, 5);
  std::size_t reported = 0;
  int blocked = 0;
  while (reported < text.size()) {
    const auto result = link.client->write(as_bytes(text).subspan(reported));
    if (result.status == IoStatus::want_write) {
      ++blocked;
      link.server->pump();
      continue;
    }
    REQUIRE(result.status == IoStatus::ok);
    REQUIRE(result.size > 0);
    reported += result.size;
  }
  link.server->pump();
  CHECK(blocked > 0);
  CHECK(reported == text.size());
  CHECK(link.server->received() == text);
}

TEST_CASE("connections of one thread do not mix their bytes in the shared buffer") {
  constexpr std::size_t count = 20;
  const auto client = make_client(world().anchors());
  std::vector<Link> links;
  std::vector<std::string> texts;
  std::vector<std::string> answers(count);
  for (unsigned i = 0; i < count; ++i) {
    links.push_back(connect(client, server_context(), by_name("a.example")));
    REQUIRE(links.back().handshake() == IoStatus::ok);
    texts.push_back(random_text(60'000 + i * 1000, 100 + i));
    links.back().server->send(texts.back());
  }
  std::mt19937 source(7);
  std::vector<std::uint8_t> buffer(9000);
  bool left = true;
  for (int turn = 0; turn < 1'000'000 && left; ++turn) {
    const auto i = source() % count;
    links[i].server->pump(1 + source() % 40'000);
    const auto size = 1 + source() % buffer.size();
    const auto result = links[i].client->read(std::span(buffer).first(size));
    if (result.status == IoStatus::ok) answers[i].append(as_text(Bytes(buffer).first(result.size)));
    if (result.status == IoStatus::failed) FAIL(links[i].client->error().message);
    left = answers != texts;
    // A connection that goes while its leftovers lie in the shared buffer must not leave them to another one.
    if (turn % 97 == 0) {
      auto passing = connect(client, server_context(), by_name("a.example"));
      REQUIRE(passing.handshake() == IoStatus::ok);
      passing.server->send(std::string(30'000, 'p'));
      passing.server->pump();
      REQUIRE(passing.client->read(std::span(buffer).first(1)).status == IoStatus::ok);
    }
  }
  CHECK_FALSE(left);
}

TEST_CASE("a target that speaks plaintext is told by its first bytes") {
  CHECK(Stranger("HTTP/1.1 400 Bad Request\r\n\r\n").code() == "tls_not_spoken");
  CHECK(Stranger("H").code() == "tls_not_spoken");
  CHECK(Stranger("\x16").code() == "want_read");
  CHECK(Stranger("\x16x").code() == "tls_not_spoken");
  CHECK(Stranger("-ERR unknown command\r\n", true).code() == "tls_not_spoken");
  CHECK(Stranger("SSH-2.0-OpenSSH_9.2\r\n").code() == "tls_not_spoken");
  Stranger stranger("HTTP/1.1 400 Bad Request\r\n\r\n");
  REQUIRE(stranger.code() == "tls_not_spoken");
  CHECK(stranger.client->error().message ==
        "a.example does not speak TLS on this port; it answered \"HTTP/1.1 400 Bad Request\"");
}

TEST_CASE("a plaintext target gets a greeting of TLS and not a byte of a request") {
  Stranger stranger("HTTP/1.1 400 Bad Request\r\n\r\n");
  REQUIRE(stranger.code() == "tls_not_spoken");
  CHECK(stranger.client->write(as_bytes("GET / HTTP/1.1\r\n\r\n")).status == IoStatus::failed);
  stranger.client->shut_down();
  std::string seen(10'000, '\0');
  const auto size = ::recv(stranger.peer.get(), seen.data(), seen.size(), 0);
  REQUIRE(size > 0);
  seen.resize(static_cast<std::size_t>(size));
  CHECK(seen.front() == '\x16');
  CHECK(seen.find("GET") == std::string::npos);
}

TEST_CASE("a silent target is waited for, and a vanishing one is told apart") {
  Stranger silent("");
  CHECK(silent.code() == "want_read");
  CHECK(silent.code() == "want_read");
  Stranger ended("", true);
  CHECK(ended.code() == "tls_truncated");
  CHECK(ended.client->error().message.find("may not speak TLS") != std::string::npos);
  CHECK(Stranger("\x16\x03\x03", true).code() == "tls_truncated");
  Stranger gone("");
  REQUIRE(gone.code() == "want_read");
  gone.peer.reset();  // with our greeting unread: a reset
  CHECK(gone.code() == "tls_reset");
}

TEST_CASE("bytes that only look like TLS fail") {
  CHECK(Stranger("\x16\x03\x03\xff\xff garbage").code() == "tls_failed");
  CHECK(Stranger(std::string("\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9)).code() == "tls_failed");
  CHECK(Stranger(std::string("\x15\x03\x03\x00\x02\x02\x28", 7)).code() == "tls_failed");
  CHECK(Stranger(std::string("\x15\x03\x03\x00\x02\x02\x46", 7)).code() == "tls_version");
}

TEST_CASE("a target that closes TLS in the middle of the handshake proves nothing") {
  Stranger stranger(std::string("\x15\x03\x03\x00\x02\x01\x00", 7));
  CHECK(stranger.code() == "tls_truncated");
  CHECK(stranger.client->handshake() == IoStatus::failed);
  CHECK(stranger.client->write(as_bytes("GET")).status == IoStatus::failed);
}

TEST_CASE("flipped bits in the target's bytes end the connection") {
  for (int seed = 0; seed < 40; ++seed) {
    auto target = make_socket_pair();
    auto wire = make_socket_pair();
    const auto connection = transport::TlsConnection::start(make_client(world().anchors()),
                                                            std::move(wire.client), by_name("a.example"))
                                .value();
    TestServer server(server_context(), std::move(target.server));
    CHECK(connection->handshake() == IoStatus::want_read);
    char greeting[4096];
    const auto greeted = ::recv(wire.server.get(), greeting, sizeof(greeting), 0);
    REQUIRE(greeted > 0);
    REQUIRE(::send(target.client.get(), greeting, static_cast<std::size_t>(greeted), MSG_NOSIGNAL) ==
            greeted);
    server.pump();
    std::string flight(16'384, '\0');
    const auto size = ::recv(target.client.get(), flight.data(), flight.size(), 0);
    REQUIRE(size > 100);
    flight.resize(static_cast<std::size_t>(size));
    // Behind the ServerHello everything is encrypted; a change must not pass anywhere.
    const auto place = 200 + static_cast<std::size_t>(seed) * (flight.size() - 201) / 40;
    flight[place] = static_cast<char>(flight[place] ^ 0x10);
    REQUIRE(::send(wire.server.get(), flight.data(), flight.size(), MSG_NOSIGNAL) == size);
    auto status = connection->handshake();
    if (status == IoStatus::want_read) {  // a longer record was announced than came
      REQUIRE(::shutdown(wire.server.get(), SHUT_WR) == 0);
      status = connection->handshake();
    }
    CHECK(status == IoStatus::failed);
  }
}

TEST_CASE("an old target is refused unless TLS 1.2 is allowed") {
  const auto client = make_client(world().anchors());
  auto link = connect(client, server_context(TLS1_2_VERSION), by_name("a.example"));
  CHECK(link.handshake_code() == "tls_version");
  CHECK(link.client->error().message.find("1.3") != std::string::npos);
  auto requirement = by_name("a.example");
  requirement.allow_tls12 = true;
  link = connect(client, server_context(TLS1_2_VERSION), requirement);
  CHECK(link.handshake_code() == "ok");
  CHECK(link.client->facts().version == "TLSv1.2");
  CHECK(link.client->facts().cipher == "ECDHE-ECDSA-AES128-GCM-SHA256");
  link = connect(client, server_context(TLS1_3_VERSION), requirement);
  CHECK(link.handshake_code() == "ok");
  CHECK(link.client->facts().version == "TLSv1.3");
}

TEST_CASE("an offered protocol must be the one that is chosen") {
  ServerOptions options;
  auto requirement = by_name("a.example");
  requirement.application_protocols = {"h2", "http/1.1"};
  auto silent = connect(make_client(world().anchors()), server_context(), requirement);
  CHECK(silent.handshake_code() == "ok");
  CHECK(silent.client->facts().application_protocol.empty());
  options.application_protocol = "http/1.1";
  auto context = make_server_context(certificate(), options);
  auto chosen = connect(make_client(world().anchors()), context.get(), requirement);
  CHECK(chosen.handshake_code() == "ok");
  CHECK(chosen.client->facts().application_protocol == "http/1.1");
  options.application_protocol = "smtp";
  context = make_server_context(certificate(), options);
  CHECK(connect(make_client(world().anchors()), context.get(), requirement).handshake_code() == "tls_failed");
}

TEST_CASE("new keys in the middle of a stream go unnoticed") {
  auto link = open_link();
  for (int round = 0; round < 5; ++round) {
    REQUIRE(SSL_key_update(link.server->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    link.server->send("x");
    std::string answer;
    REQUIRE(link.read(answer, 1).status == IoStatus::ok);
    REQUIRE(link.write("y") == IoStatus::ok);
  }
  CHECK(link.server->received() == "yyyyy");
}

TEST_CASE("a connecting socket is waited for, and a refused one is reported") {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  // Bound and not listening: nobody else can take the port, and connecting to it is refused.
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int connected = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size);
  REQUIRE((connected == 0 || errno == EINPROGRESS || errno == ECONNREFUSED));
  const auto client =
      transport::TlsConnection::start(make_client(world().anchors()), std::move(socket), by_name("a.example"))
          .value();
  CHECK(client->handshake() == IoStatus::failed);
  CHECK(client->error().message.find("a.example") != std::string::npos);
}

TEST_CASE("a target that stops listening fails the write without a signal") {
  auto link = open_link();
  link.server.reset();
  CHECK(link.write("request") == IoStatus::failed);
  CHECK((link.client->error().code == "tls_reset" || link.client->error().code == "tls_truncated"));
}

TEST_CASE("an early answer is read although the request could not be sent") {
  auto link = open_link(4096);
  link.server->send("413 too large");
  link.server->close_with_notify();
  link.server.reset();
  CHECK(link.write(random_text(500'000, 6)) == IoStatus::failed);
  std::uint8_t buffer[100];
  const auto answer = link.client->read(buffer);
  REQUIRE(answer.status == IoStatus::ok);
  CHECK(as_text(Bytes(buffer).first(answer.size)) == "413 too large");
}
