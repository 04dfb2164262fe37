#include "policy/call_objects.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "cel/json.hpp"
#include "policy/call_maps.hpp"
#include "policy/identity_pattern.hpp"
#include "policy/utf8.hpp"

namespace callgate::policy {
namespace {

using cel::Value;

enum Variable : std::size_t { the_call, the_caller, the_target, the_time };
enum CallField : std::size_t {
  protocol,
  function,
  method,
  path,
  query,
  headers,
  body_field,
  body_text_field,
  size_field
};
enum CallerField : std::size_t {
  id,
  workload,
  name_space,
  service_account,
  process,
  subject,
  issuer,
  groups,
  claims
};
enum TargetField : std::size_t { host, port, address };

constexpr cel::Failure too_large{"body_too_large", "the body is larger than limits.decision_body"};
constexpr cel::Failure encoded{"body_encoded", "the body has a content coding, such as gzip"};
constexpr cel::Failure not_declared{"body_not_json", "the content type of the body is not JSON"};
constexpr cel::Failure not_json{"body_not_json", "the body is not valid JSON"};
constexpr cel::Failure ambiguous{"body_ambiguous", "an object of the body has the same key twice"};
constexpr cel::Failure not_text{"body_not_text", "the body is not UTF-8, or says that it is not"};
constexpr cel::Failure no_room{"cost_exceeded", "the call has more parts than a decision looks at"};
constexpr cel::Failure no_process{"process_unknown", "the executable of the calling process is not known"};
constexpr cel::Failure no_subject{"subject_unknown",
                                  "no verified token says on whose behalf the call is made"};

// Kind::absent for an empty text.
Value text_or_absent(std::string_view text) {
  return text.empty() ? Value() : Value::string(text);
}

Value kept(std::string_view text, cel::Arena& arena) {
  std::string_view copied;
  return arena.copy(text, copied) ? Value::string(copied) : Value::error(&no_room);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// Whether a media type says that the text is in another charset than the one it is read in here: its receiver
// could make another text of it.
bool has_other_charset(std::string_view content_type) {
  auto rest = content_type.substr(std::min(content_type.find(';'), content_type.size()));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto end = std::min(rest.find(';'), rest.size());
    const auto parameter = rest.substr(0, end);
    const auto equals = std::min(parameter.find('='), parameter.size());
    auto value = trimmed(parameter.substr(std::min(equals + 1, parameter.size())));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (equal_ignoring_case(trimmed(parameter.substr(0, equals)), "charset") &&
        !equal_ignoring_case(value, "utf-8") && !equal_ignoring_case(value, "us-ascii")) {
      return true;
    }
    rest.remove_prefix(end);
  }
  return false;
}

bool is_json(std::string_view content_type) {
  const auto media = trimmed(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view suffix = "+json";
  return !has_other_charset(content_type) &&
         (equal_ignoring_case(media, "application/json") ||
          (media.size() > suffix.size() &&
           equal_ignoring_case(media.substr(media.size() - suffix.size()), suffix)));
}

bool is_content_type(const HeaderField& field) {
  return equal_ignoring_case(field.name, "content-type");
}

Value read_body(std::string_view bytes, cel::Arena& arena) {
  const Value read = cel::read_json(bytes, arena);
  if (!read.is_error()) return read;
  const auto code = read.as_error().code;
  if (code == "ambiguous_json") return Value::error(&ambiguous);
  return code == "not_json" ? Value::error(&not_json) : read;
}

cel::Environment make_environment() {
  using cel::parse_type;
  const auto text = parse_type("string");
  cel::Environment environment;
  environment.declare(cel::ObjectType{"Call",
                                      {{"protocol", text},
                                       {"function", text},
                                       {"method", text},
                                       {"path", text},
                                       {"query", parse_type("map(string, list(string))")},
                                       {"headers", parse_type("map(string, string)")},
                                       {"body", cel::Type()},
                                       {"body_text", text},
                                       {"size", parse_type("int")}}});
  environment.declare(cel::ObjectType{"Caller",
                                      {{"id", text},
                                       {"workload", text},
                                       {"namespace", text},
                                       {"service_account", text},
                                       {"process", text},
                                       {"subject", text},
                                       {"issuer", text},
                                       {"groups", parse_type("list(string)")},
                                       {"claims", parse_type("map(string, string)")}}});
  environment.declare(
      cel::ObjectType{"Target", {{"host", text}, {"port", parse_type("int")}, {"address", text}}});
  environment.declare("call", cel::Type::object("Call"));
  environment.declare("caller", cel::Type::object("Caller"));
  environment.declare("target", cel::Type::object("Target"));
  environment.declare("now", parse_type("timestamp"));
  return environment;
}

}  // namespace

const cel::Environment& condition_environment() {
  static const cel::Environment made = make_environment();
  return made;
}

CallVariables::CallVariables(const Caller& caller, const Call& call)
    : call_(call), call_object_(*this, call), caller_object_(caller, call), target_object_(call) {}

Value CallVariables::variable(std::size_t index, cel::Arena&) const {
  switch (index) {
    case the_call:
      return Value::object(&call_object_);
    case the_caller:
      return Value::object(&caller_object_);
    case the_target:
      return Value::object(&target_object_);
    default: {
      const std::uint64_t now = call_.time_ns != 0 ? call_.time_ns : wall_ns();
      return Value::timestamp(
          {static_cast<std::int64_t>(now / 1'000'000'000), static_cast<std::int32_t>(now % 1'000'000'000)});
    }
  }
}

Value CallVariables::CallObject::field(std::size_t index, cel::Arena& arena) const {
  switch (index) {
    case protocol:
      return Value::string(call_.protocol);
    case function: {
      std::string text(call_.protocol);
      text.append(":").append(call_.method);
      if (call_.protocol != "tcp") text.append(" ").append(call_.host).append(call_.path);
      return kept(text, arena);
    }
    case method:
      return Value::string(call_.method);
    case path:
      return Value::string(call_.path);
    case query:
      if (call_.from_record) return Value::error(&cel::pending);
      return read_query(call_.query, arena);
    case headers:
      if (call_.from_record) return Value::error(&cel::pending);
      return header_map(call_.headers, arena);
    case body_field:
      return body(arena);
    case body_text_field:
      return body_text();
    default:
      return size();
  }
}

bool CallVariables::CallObject::says_json() const {
  // Of two, its receiver may take the other one.
  const auto at = std::find_if(call_.headers.begin(), call_.headers.end(), is_content_type);
  return at != call_.headers.end() && std::none_of(at + 1, call_.headers.end(), is_content_type) &&
         is_json(at->value);
}

Value CallVariables::CallObject::obstacle() const {
  if (call_.from_record) return Value::error(&cel::pending);
  switch (call_.body.state) {
    case Body::State::none:
      return {};
    case Body::State::pending:
      return Value::error(&cel::pending);
    case Body::State::too_large:
      return Value::error(&too_large);
    case Body::State::complete:
      break;
  }
  const bool coded = std::any_of(call_.headers.begin(), call_.headers.end(), [](const HeaderField& field) {
    return equal_ignoring_case(field.name, "content-encoding") &&
           !equal_ignoring_case(field.value, "identity");
  });
  if (coded) return Value::error(&encoded);
  return Value::null();
}

Value CallVariables::CallObject::body(cel::Arena& arena) const {
  if (read_) return *read_;
  Value found = obstacle();
  if (found.is(cel::Kind::null)) {
    found = says_json() ? read_body(call_.body.bytes, arena) : Value::error(&not_declared);
  }
  read_ = found;
  return found;
}

Value CallVariables::CallObject::body_text() const {
  const Value found = obstacle();
  if (!found.is(cel::Kind::null)) return found;
  const bool foreign = std::any_of(call_.headers.begin(), call_.headers.end(), [](const HeaderField& field) {
    return is_content_type(field) && has_other_charset(field.value);
  });
  return !foreign && is_utf8(call_.body.bytes) ? Value::string(call_.body.bytes) : Value::error(&not_text);
}

Value CallVariables::CallObject::size() const {
  if (call_.from_record) return Value::error(&cel::pending);
  if (call_.size) return Value::integer(static_cast<std::int64_t>(*call_.size));
  switch (call_.body.state) {
    case Body::State::none:
      return Value::integer(0);
    case Body::State::complete:
      return Value::integer(static_cast<std::int64_t>(call_.body.bytes.size()));
    case Body::State::too_large:
      return Value::error(&too_large);
    case Body::State::pending:
      break;
  }
  return Value::error(&cel::pending);
}

Value CallVariables::CallerObject::field(std::size_t index, cel::Arena& arena) const {
  switch (index) {
    case id:
      return text_or_absent(caller_.identity);
    case workload:
      return Value::string(caller_.workload);
    case name_space:
      return text_or_absent(service_account_of(caller_.identity).name_space);
    case service_account:
      return text_or_absent(service_account_of(caller_.identity).name);
    case process:
      if (!caller_.process.empty()) return Value::string(caller_.process);
      return Value::error(call_.from_record ? &cel::pending : &no_process);
    default:
      break;
  }
  if (caller_.subject == nullptr) return Value::error(call_.from_record ? &cel::pending : &no_subject);
  switch (index) {
    case subject:
      return text_or_absent(caller_.subject->name);
    case issuer:
      return text_or_absent(caller_.subject->issuer);
    case groups:
      return text_list(caller_.subject->groups, arena);
    default:
      return text_map(caller_.subject->claims, arena);
  }
}

Value CallVariables::TargetObject::field(std::size_t index, cel::Arena& arena) const {
  switch (index) {
    case host:
      return Value::string(call_.host);
    case port:
      return Value::integer(call_.port);
    default:
      return call_.address == nullptr ? Value() : kept(ip_to_string(*call_.address), arena);
  }
}

}  // namespace callgate::policy
