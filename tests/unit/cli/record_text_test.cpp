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

TEST_CASE("the time of a call is told step by step") {
  auto record = sample();
  record.mutable_timings()->set_connected_us(1'000);
  record.mutable_timings()->set_handshaken_us(5'000);
  record.mutable_timings()->set_first_byte_us(90'000);
  CHECK(
      show(record).find("connected in 1.0 ms, TLS in 4.0 ms, first byte of the answer after 85.0 ms, rest in "
                        "10.0 ms, whole 100.0 ms\n") != std::string::npos);
}
