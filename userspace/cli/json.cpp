#include "cli/json.hpp"

#include <algorithm>
#include <cctype>

#include <boost/json/parse.hpp>
#include <google/protobuf/util/json_util.h>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace callgate::cli {
namespace {

std::string without_prefix(const std::string& name, std::string_view prefix) {
  auto result = name.substr(std::min(prefix.size(), name.size()));
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return result;
}

void set_content(boost::json::object& record, const char* key, const v1::Content& content) {
  auto& object = record[key].as_object();
  object["body_sha256"] = to_hex(as_bytes(content.body_sha256()));
  object["head_sha256"] = to_hex(as_bytes(content.head_sha256()));
}

}  // namespace

std::string to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) throw std::runtime_error("a message could not be written as JSON: " + status.ToString());
  return text;
}

boost::json::value record_to_json(const v1::Record& record) {
  auto value = boost::json::parse(to_json(record));
  auto& object = value.as_object();
  object.erase("payload_reference");
  object["session_id"] = to_hex(as_bytes(record.session_id()));
  object["call_id"] = to_hex(as_bytes(record.call_id()));
  object["kind"] = kind_name(record);
  object["outcome"] = outcome_name(record.outcome());
  object["opened"] = record.opened_ns() == 0 ? "" : format_time(record.opened_ns());
  object["closed"] = record.closed_ns() == 0 ? "" : format_time(record.closed_ns());
  if (record.has_destination()) object["destination"] = show_endpoint(record.destination());
  if (record.has_decision()) {
    object["decision"].as_object()["verdict"] =
        record.decision().verdict() == v1::VERDICT_ALLOW ? "allow" : "deny";
  }
  if (record.has_upstream()) {
    auto& upstream = object["upstream"].as_object();
    upstream["required"] = requirement_name(record.upstream().required());
    if (record.upstream().has_address()) upstream["address"] = show_endpoint(record.upstream().address());
    if (record.upstream().has_certificate()) {
      upstream["certificate"].as_object()["sha256"] =
          to_hex(as_bytes(record.upstream().certificate().sha256()));
    }
  }
  if (record.has_request()) set_content(object, "request", record.request());
  if (record.has_response()) set_content(object, "response", record.response());
  return value;
}

std::string show_endpoint(const v1::Endpoint& endpoint) {
  Address address;
  if (endpoint.ip().size() != 4 && endpoint.ip().size() != 16) return {};
  std::copy(endpoint.ip().begin(), endpoint.ip().end(), address.ip.begin());
  address.v6 = endpoint.ip().size() == 16;
  address.port = static_cast<std::uint16_t>(endpoint.port());
  return to_string(address);
}

std::string kind_name(const v1::Record& record) {
  if (record.kind() == v1::Record::KIND_UNSPECIFIED) return "call";
  return without_prefix(v1::Record::Kind_Name(record.kind()), "KIND_");
}
std::string outcome_name(v1::Outcome outcome) {
  return without_prefix(v1::Outcome_Name(outcome), "OUTCOME_");
}
std::string requirement_name(v1::TlsRequirement requirement) {
  return without_prefix(v1::TlsRequirement_Name(requirement), "TLS_REQUIREMENT_");
}
std::string mode_name(v1::Mode mode) {
  return without_prefix(v1::Mode_Name(mode), "MODE_");
}

}  // namespace callgate::cli
