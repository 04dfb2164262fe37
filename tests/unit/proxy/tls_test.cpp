// Targets that have to prove themselves.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../transport/test_server.hpp"
#include "bed.hpp"
#include "test_pki.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

// Answers every request of every connection with 200 and "secure", over TLS.
class TlsTarget {
 public:
  TlsTarget(Listener& listener, const Issued& identity, const ServerOptions& options)
      : listener_(listener), context_(make_server_context(identity, options)), thread_([this] { serve(); }) {}
  ~TlsTarget() {
    stop_ = true;
    thread_.join();
  }
  // What arrived after a handshake, of all connections.
  [[nodiscard]] std::string received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  void serve() {
    struct Connection {
      explicit Connection(SSL_CTX* context, Fd socket) : server(context, std::move(socket)) {}
      TestServer server;
      std::size_t answered = 0;
    };
    std::vector<std::unique_ptr<Connection>> connections;
    while (!stop_) {
      if (listener_.has_connection()) {
        Fd socket(::accept4(listener_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        connections.push_back(std::make_unique<Connection>(context_.get(), std::move(socket)));
      }
      std::string all;
      for (auto& connection : connections) {
        connection->server.pump();
        const std::string& text = connection->server.received();
        all += text;
        std::size_t place = 0;
        std::size_t requests = 0;
        while ((place = text.find("\r\n\r\n", place)) != std::string::npos) {
          ++requests;
          place += 4;
        }
        for (; connection->answered < requests; ++connection->answered) {
          connection->server.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure");
          connection->server.pump();
        }
      }
      const std::lock_guard lock(mutex_);
      received_ = all;
    }
  }

  Listener& listener_;
  identity::SslContextPtr context_;
  std::mutex mutex_;
  std::string received_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Pki {
  Issued root = issue(authority_shape("test root"));
  Issued bundle = issue(authority_shape("prod root").with(NID_subject_alt_name, "URI:spiffe://prod"));
  Issued caller = issue(svid_shape("spiffe://prod/shop"), &bundle);
};

const Pki& pki() {
  static const Pki made;
  return made;
}

std::string tls_policy(const std::string& upstream) {
  return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: test}\nspec:\n  mode: enforce\n"
         "  callers: [{workload: shop}]\n"
         "  targets: [{host: target.test, upstream: {" +
         upstream +
         "}}]\n"
         "  rules: [{name: all, functions: [\"http:* /**\"], action: allow}]\n";
}

void identify(Bed& bed) {
  v1::Identities identities;
  auto& workload = *identities.add_workloads();
  workload.set_id(workload_id);
  workload.set_name("shop");
  workload.set_spiffe_id("spiffe://prod/shop");
  workload.set_netns_cookie(netns_cookie);
  workload.set_certificate_chain_pem(pki().caller.pem());
  workload.set_private_key_pem(pki().caller.key_pem());
  identities.set_system_roots_pem(pki().root.pem());
  identities.set_bundle_pem(pki().bundle.pem());
  identities.set_trust_domain("prod");
  bed.node.set_identities(identities);
}

std::string call(Bed& bed, std::string_view path = "/secret-canary") {
  Peer caller = bed.call();
  caller.send(get(path));
  return caller.read_response();
}

}  // namespace

TEST_CASE(
    "a target that proves its name is called over TLS 1.3, its certificate recorded, its connection reused") {
  Bed bed({}, tls_policy("tls: verified"));
  identify(bed);
  TlsTarget target(bed.target, issue(server_shape("DNS:target.test"), &pki().root), {});
  CHECK(call(bed).find("secure") != std::string::npos);
  CHECK(call(bed).find("secure") != std::string::npos);
  CHECK(target.received().find("/secret-canary") != std::string::npos);
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  CHECK(records.calls[0].over_tls);
  CHECK(records.calls[0].verified);
  CHECK(records.calls[0].digest.size() == 32);
  CHECK_FALSE(records.calls[0].reused);
  CHECK(records.calls[1].reused);
  CHECK(records.calls[1].digest == records.calls[0].digest);
}

TEST_CASE(
    "a target is called with the workload's certificate where it asks, and refused where it has to and does "
    "not") {
  for (const bool asks : {true, false}) {
    Bed bed({}, tls_policy("tls: mutual"));
    identify(bed);
    ServerOptions options;
    options.ask_client_certificate = asks;
    options.insist_on_client_certificate = asks;
    options.client_authority_pem = pki().bundle.pem();
    TlsTarget target(bed.target, issue(server_shape("DNS:target.test"), &pki().root), options);
    const std::string answer = call(bed);
    const RecordedCall recorded = bed.only_call();
    if (asks) {
      CHECK(answer.find("secure") != std::string::npos);
    } else {
      CHECK(answer.find("tls_client_certificate_not_requested") != std::string::npos);
      CHECK(target.received().empty());
      CHECK(recorded.outcome == record::Outcome::refused);
    }
  }
}

TEST_CASE("a target that cannot prove itself gets no byte of a call") {
  struct Case {
    std::string code;
    Issued identity;
  };
  std::vector<Case> cases;
  CertificateShape expired = server_shape("DNS:target.test");
  expired.begins_in = -7200;
  expired.ends_in = -3600;
  cases.push_back({"tls_expired", issue(expired, &pki().root)});
  cases.push_back({"tls_name_mismatch", issue(server_shape("DNS:other.test"), &pki().root)});
  cases.push_back({"tls_untrusted", issue(server_shape("DNS:target.test"))});
  for (const Case& one : cases) {
    INFO(one.code);
    Bed bed({}, tls_policy("tls: verified"));
    identify(bed);
    TlsTarget target(bed.target, one.identity, {});
    const std::string answer = call(bed);
    CHECK(answer.substr(0, 12) == "HTTP/1.1 502");
    CHECK(answer.find("problems/" + one.code) != std::string::npos);
    CHECK(target.received().empty());
    const RecordedCall recorded = bed.only_call();
    CHECK(recorded.code == one.code);
    CHECK(recorded.outcome == record::Outcome::refused);
    CHECK(recorded.over_tls);
    CHECK_FALSE(recorded.verified);
    CHECK(recorded.digest.size() == 32);
  }
}

TEST_CASE("a target that speaks only plaintext is refused before it sees anything but a handshake") {
  Bed bed({}, tls_policy("tls: verified"));
  identify(bed);
  Peer caller = bed.call();
  caller.send(get("/secret-canary"));
  Peer target = bed.target.accept();
  const std::string hello = target.read_exactly(5);
  CHECK(hello[0] == '\x16');
  target.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  const std::string answer = caller.read_response();
  CHECK(answer.find("problems/tls_not_spoken") != std::string::npos);
  caller.close();
  CHECK(bed.only_call().outcome == record::Outcome::refused);
}

TEST_CASE("a target's identity is demanded instead of its name where the policy says so") {
  for (const std::string id : {"spiffe://prod/api", "spiffe://prod/other"}) {
    Bed bed({}, tls_policy("tls: verified, trust: bundle, identity: \"spiffe://prod/api\""));
    identify(bed);
    TlsTarget target(bed.target, issue(svid_shape(id), &pki().bundle), {});
    const std::string answer = call(bed);
    const RecordedCall recorded = bed.only_call();
    if (id == "spiffe://prod/api") {
      CHECK(answer.find("secure") != std::string::npos);
      CHECK(recorded.spiffe_id == id);
    } else {
      CHECK(recorded.code == "tls_identity_mismatch");
      CHECK(target.received().empty());
    }
  }
}

TEST_CASE("a target that refuses the workload's certificate is a 502, not tried again") {
  Bed bed({}, tls_policy("tls: verified"));
  identify(bed);
  ServerOptions options;
  options.ask_client_certificate = true;
  options.insist_on_client_certificate = true;
  options.client_authority_pem = pki().root.pem();  // not the one that issued it
  TlsTarget target(bed.target, issue(server_shape("DNS:target.test"), &pki().root), options);
  const std::string answer = call(bed);
  CHECK(answer.substr(0, 12) == "HTTP/1.1 502");
  CHECK(bed.only_call().code == "tls_client_certificate_refused");
}

TEST_CASE("half a TLS record makes the proxy wait, not spin") {
  Bed bed({}, tls_policy("tls: verified"));
  identify(bed);
  const auto context = make_server_context(issue(server_shape("DNS:target.test"), &pki().root));
  Peer caller = bed.call();
  caller.send(get("/"));
  const Peer accepted = bed.target.accept();
  ::fcntl(accepted.fd(), F_SETFL, O_NONBLOCK);
  TestServer server(context.get(), Fd(::dup(accepted.fd())));
  while (server.received().find("\r\n\r\n") == std::string::npos)
    server.pump();
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure");
  server.pump(20);  // a part of the record
  timespec before{};
  timespec after{};
  // What the whole process uses while the proxy has half a record and nothing else to do.
  (void)bed.node.counters();
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  for (int i = 0; i < 5; ++i) {
    pollfd nothing{caller.fd(), POLLIN, 0};
    CHECK(::poll(&nothing, 1, 50) == 0);
  }
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const auto used = (after.tv_sec - before.tv_sec) * 1'000'000'000 + (after.tv_nsec - before.tv_nsec);
  CHECK(used < 100'000'000);
  while (server.has_output())
    server.pump();
  CHECK(caller.read_response().find("secure") != std::string::npos);
}
