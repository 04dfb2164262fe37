#include "control/status.hpp"

#include <catch2/catch.hpp>

using namespace callgate;

TEST_CASE("the code and message of an error survive the way through a status") {
  for (const auto* code : {"not_found", "denied", "identity_not_granted", "some_new_code"}) {
    const auto status = control::to_status({code, "what to do"});
    CHECK_FALSE(status.ok());
    const auto error = control::from_status(status);
    CHECK(error.code == code);
    CHECK(error.message == "what to do");
  }
  CHECK(control::to_status({"denied", ""}).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(control::to_status({"some_new_code", ""}).error_code() == grpc::StatusCode::INTERNAL);
}

TEST_CASE("statuses that gRPC makes itself become errors that a person can act on") {
  CHECK(control::from_status({grpc::StatusCode::DEADLINE_EXCEEDED, "x"}).code == "timed_out");
  CHECK(control::from_status({grpc::StatusCode::UNAVAILABLE, "x"}).code == "agent_unreachable");
  CHECK(control::from_status({grpc::StatusCode::UNIMPLEMENTED, "x"}).code == "not_supported");
}

TEST_CASE("details that are no code are not taken for one") {
  CHECK(control::from_status({grpc::StatusCode::INTERNAL, "x", "\x1b[2J"}).code == "internal");
  CHECK(control::from_status({grpc::StatusCode::INTERNAL, "x", std::string(65, 'a')}).code == "internal");
}
