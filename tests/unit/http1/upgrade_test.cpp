#include "protocol/http1/upgrade.hpp"

#include <catch2/catch.hpp>

#include "protocol/http1/writer.hpp"

using namespace callgate::http1;

namespace {

std::string offer_of(const std::string& fields, const std::string& start = "GET /ws HTTP/1.1") {
  RequestReader reader({});
  const std::string bytes = start + "\r\nHost: a.test\r\n" + fields + "\r\n";
  REQUIRE(reader.step(bytes).event == Event::head);
  return upgrade_offer(reader.head());
}

std::string accepted(const std::string& fields) {
  ResponseReader reader({});
  reader.expect("GET");
  const std::string bytes = "HTTP/1.1 101 Switching Protocols\r\n" + fields + "\r\n";
  REQUIRE(reader.step(bytes).event == Event::head);
  return std::string(accepted_upgrade(reader.head()));
}

}  // namespace

TEST_CASE("an offer holds the protocols that a gateway may pass on") {
  const std::string connection = "Connection: keep-alive, Upgrade\r\n";
  CHECK(offer_of(connection + "Upgrade: websocket\r\n") == "websocket");
  CHECK(offer_of(connection + "Upgrade: WebSocket, foo/2\r\nUpgrade: bar\r\n") == "WebSocket, foo/2, bar");
  CHECK(offer_of(connection + "Upgrade: h2c, websocket, TLS/1.3\r\n") == "websocket");
  CHECK(offer_of(connection + "Upgrade: h2c\r\n").empty());
  CHECK(offer_of(connection + "Upgrade: H2C\r\n").empty());
  CHECK(offer_of(connection + "Upgrade: web socket, ok\r\n") == "ok");
  CHECK(offer_of("Upgrade: websocket\r\n").empty());  // Connection does not list it
  CHECK(offer_of(connection).empty());
  CHECK(offer_of(connection + "Upgrade: websocket\r\nContent-Length: 1\r\n").empty());
  CHECK(offer_of(connection + "Upgrade: websocket\r\n", "GET /ws HTTP/1.0").empty());
}

TEST_CASE("a change of protocol names exactly one that was offered") {
  CHECK(accepted("Connection: Upgrade\r\nUpgrade: websocket\r\n") == "websocket");
  CHECK(accepted("Connection: Upgrade\r\n").empty());
  CHECK(accepted("Connection: Upgrade\r\nUpgrade: a, b\r\n").empty());
  CHECK(accepted("Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n").empty());
  CHECK(offers("websocket, foo/2", "WEBSOCKET"));
  CHECK(offers("websocket, foo/2", "foo/2"));
  CHECK_FALSE(offers("websocket, foo/2", "foo"));
  CHECK_FALSE(offers("websocket", ""));
  CHECK_FALSE(offers("", "websocket"));
}

TEST_CASE("an offer and what became of it are written anew") {
  RequestReader requests({});
  const std::string request =
      "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nUpgrade: h2c, "
      "websocket\r\n"
      "Sec-WebSocket-Key: k\r\n\r\n";
  REQUIRE(requests.step(request).event == Event::head);
  std::string out;
  append_request_head(out, requests.head(), upgrade_offer(requests.head()));
  CHECK(out ==
        "GET /ws HTTP/1.1\r\nHost: a.test\r\nSec-WebSocket-Key: k\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n\r\n");
  ResponseReader responses({});
  responses.expect("GET");
  const std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: a\r\n\r\n";
  REQUIRE(responses.step(response).event == Event::head);
  out.clear();
  append_upgrade_head(out, responses.head(), "websocket");
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n\r\n");
}
