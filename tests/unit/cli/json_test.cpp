#include "cli/json.hpp"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "cli/sessions_json.hpp"
#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;
using test::sample;

TEST_CASE("a record's JSON has ids, digests and addresses as people write them") {
  const auto value = record_to_json(sample());
  const auto& object = value.as_object();
  CHECK(object.at("session_id").as_string() == "00000000000000000000000000000001");
  CHECK(object.at("call_id").as_string() == "00000000000000000000000000000002");
  CHECK(object.at("destination").as_string() == "10.0.0.1:8080");
  CHECK(object.at("outcome").as_string() == "completed");
  CHECK(object.at("opened").as_string() == "2026-01-31T23:59:59.123Z");
  CHECK(object.at("decision").at("verdict").as_string() == "allow");
  CHECK(object.at("upstream").at("required").as_string() == "mutual");
  CHECK(object.at("response").at("body_sha256").as_string().size() == 64);
  CHECK(boost::json::serialize(value).find('\x1b') == std::string::npos);
}

TEST_CASE("an empty record has JSON too") {
  CHECK(record_to_json(v1::Record()).as_object().at("kind").as_string() == "call");
}

TEST_CASE("records are grouped by session, newest first") {
  v1::ListSessionsReply reply;
  auto other = sample();
  other.set_session_id(test::id_bytes(7));
  other.set_kind(v1::Record::KIND_FLOW);
  *reply.add_records() = sample();
  *reply.add_records() = other;
  *reply.add_records() = sample();
  reply.set_next_page_token("next");
  const auto value = sessions_to_json(reply);
  const auto& sessions = value.at("sessions").as_array();
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0].at("session").as_string() == "00000000000000000000000000000001");
  CHECK(sessions[0].at("calls").as_int64() == 2);
  CHECK(sessions[0].at("functions").as_array().size() == 2);
  CHECK(sessions[1].at("calls").as_int64() == 0);
  CHECK(sessions[1].at("records").as_array().size() == 1);
  CHECK(value.at("next_cursor").as_string() == "next");
}

TEST_CASE("endpoints are addresses with a port") {
  v1::Endpoint endpoint;
  CHECK(show_endpoint(endpoint).empty());
  endpoint.set_ip(std::string(15, '\0') + '\1');
  endpoint.set_port(443);
  CHECK(show_endpoint(endpoint) == "[::1]:443");
  endpoint.set_ip("abc");
  CHECK(show_endpoint(endpoint).empty());
}
