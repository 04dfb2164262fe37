#include "cli/record_text.hpp"

#include <sstream>

#include <catch2/catch.hpp>

#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;
using test::sample;

namespace {

std::string show(const v1::Record& record) {
  std::ostringstream out;
  const Output output{out, out};
  print_record(record, output);
  return out.str();
}

v1::PayloadChunk chunk(const std::string& data, v1::PayloadChunk::Kind kind = v1::PayloadChunk::KIND_BODY) {
  v1::PayloadChunk result;
  result.set_kind(kind);
  result.set_data(data);
  return result;
}

std::string show(const std::vector<v1::PayloadChunk>& chunks) {
  std::ostringstream out;
  const Output output{out, out};
  PayloadPrinter printer(output);
  for (const auto& each : chunks)
    printer.add(each);
  printer.finish();
  return out.str();
}

}  // namespace

TEST_CASE("a record tells who called what, where, why and how it went") {
  CHECK(show(sample()) ==
        "call 00000000000000000000000000000002\n"
        "  session      00000000000000000000000000000001\n"
        "  time         2026-01-31T23:59:59.123Z, whole 100.0 ms\n"
        "  workload     shop, spiffe://callgate.local/shop\n"
        "  process      /usr/bin/curl (pid 77)\n"
        "  function     http:GET pay.internal/\\x1b[2Jx\n"
        "  destination  10.0.0.1:8080\n"
        "  target       pay.internal:8443\n"
        "  decision     allow, policy payments, rule read, allowed_by_rule\n"
        "  upstream     10.0.0.1:8080, TLSv1.3, TLS_AES_256_GCM_SHA384, verified, client certificate sent, "
        "required: mutual\n"
        "  certificate  CN=pay\\nFAKE, valid until 2027-01-15T08:00:00.000Z\n"
        "               sha256 abababababababababababababababababababababababababababababababab\n"
        "  outcome      completed, status 200\n"
        "  request      10 B\n"
        "  response     976.6 KiB (1,000,000 B), captured 64.0 KiB (65,536 B) (truncated)\n"
        "               body sha256 cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\n");
}

TEST_CASE("what weakens a call is said loudly") {
  auto record = sample();
  record.mutable_upstream()->set_verified(false);
  record.mutable_upstream()->set_unverified(true);
  CHECK(show(record).find("UNVERIFIED") != std::string::npos);
  record.mutable_upstream()->set_tls(false);
  record.mutable_upstream()->set_plaintext(true);
  CHECK(show(record).find("PLAINTEXT") != std::string::npos);
  record.mutable_decision()->set_verdict(v1::VERDICT_DENY);
  record.mutable_decision()->set_enforced(false);
  CHECK(show(record).find("deny (observed)") != std::string::npos);
}

TEST_CASE("a flow without a call, and a record without anything, are shown") {
  v1::Record flow;
  flow.set_kind(v1::Record::KIND_FLOW);
  flow.set_session_id(test::id_bytes(9));
  flow.set_outcome(v1::OUTCOME_REFUSED);
  flow.set_error_code("protocol_not_http1");
  CHECK(show(flow).find("flow of session 00000000000000000000000000000009\n") == 0);
  CHECK(show(flow).find("refused, protocol_not_http1") != std::string::npos);
  CHECK(show(v1::Record()).find("unknown") != std::string::npos);
}

TEST_CASE("a line of a list cannot control the terminal") {
  auto record = sample();
  record.mutable_workload()->set_name("a\x1b]0;title\x07");
  std::ostringstream out;
  const auto line = record_line(record, Output{out, out});
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.find("a\\x1b]0;title\\x07") != std::string::npos);
}

TEST_CASE("payloads are text, or a hex dump, under a heading for each part") {
  auto body = chunk("{\"amount\": 1}");
  auto head = chunk("POST / HTTP/1.1\r\nHost: pay\r\n\r\n", v1::PayloadChunk::KIND_HEAD);
  auto answer = chunk("\x1f\x8b\x08\xff");
  answer.set_direction(v1::PayloadChunk::DIRECTION_RESPONSE);
  CHECK(show({head, body, answer}) ==
        "  request head (30 B)\n"
        "    POST / HTTP/1.1\n"
        "    Host: pay\n"
        "    \n"
        "  request body (13 B)\n"
        "    {\"amount\": 1}\n"
        "  response body (4 B)\n"
        "    000000  1f 8b 08 ff                                       |....|\n");
}

TEST_CASE("pieces of one part are one, and a cut is marked") {
  auto last = chunk("second");
  last.set_truncated(true);
  last.set_omitted(2048);
  CHECK(show({chunk("first "), last}) ==
        "  request body (12 B)\n"
        "    first second\n"
        "    [truncated: 2.0 KiB (2,048 B) more passed and were not captured]\n");
}

TEST_CASE("payload text cannot control the terminal") {
  CHECK(show({chunk("a\xe2\x80\xae"
                    "b\n")})
            .find("a\\u{202e}b") != std::string::npos);
  CHECK(show({chunk("\x1b[31mred")}).find('\x1b') == std::string::npos);
}

TEST_CASE("long payloads are printed in pieces") {
  std::vector<v1::PayloadChunk> chunks(12, chunk(std::string(256U << 10U, 'x')));
  const auto text = show(chunks);
  CHECK(text.size() > 12U * (256U << 10U));
  CHECK(text.find("request body (1.0 MiB") != std::string::npos);
}
