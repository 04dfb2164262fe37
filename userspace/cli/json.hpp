// Messages of the control API as JSON. Names are those of the .proto files; 64-bit numbers are strings, as in
// all JSON of protobuf. In records, ids, digests and certificates are hexadecimal, addresses are text, and
// times stand beside their nanoseconds as RFC 3339 ("opened", "closed").
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "callgate/v1/control.pb.h"

namespace callgate::cli {

// One line.
[[nodiscard]] std::string to_json(const google::protobuf::Message& message);
[[nodiscard]] boost::json::value record_to_json(const v1::Record& record);

// "192.0.2.1:80"; empty where there is no address.
[[nodiscard]] std::string show_endpoint(const v1::Endpoint& endpoint);
// "call", "flow".
[[nodiscard]] std::string kind_name(const v1::Record& record);
// "http", "denied": the names of values without their prefix, in lower case.
[[nodiscard]] std::string outcome_name(v1::Outcome outcome);
[[nodiscard]] std::string requirement_name(v1::TlsRequirement requirement);
[[nodiscard]] std::string mode_name(v1::Mode mode);

}  // namespace callgate::cli
