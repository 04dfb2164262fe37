// HTTP Archive 1.2 (the format that browsers write; http://www.softwareishard.com/blog/har-12-spec/).
#include <algorithm>
#include <array>
#include <optional>
#include <ostream>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "cli/base64.hpp"
#include "cli/export_writer.hpp"
#include "cli/http_head.hpp"
#include "cli/json.hpp"
#include "cli/payload_text.hpp"
#include "cli/text.hpp"
#include "inquiry/column.hpp"

namespace callgate::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view http = "http:";
constexpr std::size_t largest_body = 16U << 20U;
constexpr std::size_t largest_head = 1U << 20U;
constexpr std::size_t most_query_fields = 10'000;

// What was captured of one direction.
struct Message {
  std::string head;
  std::string body;
  std::uint64_t body_size = 0;  // that came, kept or not
  std::string problem;          // why not all of it is here
};

// Text as JSON takes it (UTF-8); anything else in base64.
bool is_json_text(std::string_view bytes) {
  return is_text(bytes) && whole_characters(bytes) == bytes.size();
}

double milliseconds(std::uint32_t from_us, std::uint32_t to_us) {
  return to_us > from_us ? (to_us - from_us) / 1000.0 : 0.0;
}

// Steps that did not happen are -1, as the format wants it; what is not measured counts for the wait.
json::object timings_of(const v1::Timings& timings) {
  const auto ready = std::max(timings.connected_us(), timings.handshaken_us());
  const bool tls = timings.handshaken_us() != 0;
  const auto first =
      std::max(ready, timings.first_byte_us() == 0 ? timings.total_us() : timings.first_byte_us());
  json::object result{{"blocked", -1}, {"dns", -1}, {"connect", -1}, {"ssl", -1}, {"send", 0}};
  if (ready != 0) result["connect"] = milliseconds(0, ready);
  if (tls) result["ssl"] = milliseconds(timings.connected_us(), timings.handshaken_us());
  result["wait"] = milliseconds(ready, first);
  result["receive"] = milliseconds(first, timings.total_us());
  return result;
}

json::array pairs(const std::vector<std::pair<std::string, std::string>>& from) {
  json::array result;
  for (const auto& [name, value] : from)
    result.push_back(json::object{{"name", safe(name)}, {"value", safe(value)}});
  return result;
}

// Sets "text", and the encoding where it is none.
void set_text(json::object& to, const char* encoding, std::string_view bytes) {
  if (is_json_text(bytes)) {
    to["text"] = json::string(bytes.data(), bytes.size());
    return;
  }
  to["text"] = to_base64(bytes);
  to[encoding] = "base64";
}

// "POST" and "host/path" of "http:POST host/path".
std::pair<std::string, std::string> method_and_place(const std::string& function) {
  const std::string_view rest = std::string_view(function).substr(http.size());
  const auto space = std::min(rest.find(' '), rest.size());
  return {std::string(rest.substr(0, space)), std::string(rest.substr(std::min(space + 1, rest.size())))};
}

json::object request_of(const v1::Record& record, const Message& message) {
  const auto head = parse_http_head(message.head);
  const auto line = split_start_line(head.start_line);
  const auto [method, place] = method_and_place(record.function());
  const auto slash = std::min(place.find('/'), place.size());
  std::string target(line.second.empty() ? std::string_view(place).substr(slash) : line.second);
  if (target.empty() || target.front() != '/') target = place.substr(slash);
  const auto query = target.find('?');
  json::object result{
      {"method", safe(line.first.empty() ? std::string_view(method) : line.first)},
      {"url", safe(fmt::format("http://{}:{}{}", record.target().host(), inquiry::port_of(record), target))},
      {"httpVersion", line.third.empty() ? "HTTP/1.1" : safe(line.third)},
      {"cookies", json::array()},
      {"headers", pairs(head.fields)},
      {"queryString", query == std::string::npos
                          ? json::array()
                          : pairs(parse_form(std::string_view(target).substr(query + 1), most_query_fields))},
      {"headersSize", message.head.empty() ? -1 : static_cast<std::int64_t>(message.head.size())},
      {"bodySize", record.request().size()}};
  if (!message.body.empty()) {
    json::object data{{"mimeType", safe(head.field("content-type"))}, {"params", json::array()}};
    set_text(data, "_encoding", message.body);
    result["postData"] = std::move(data);
  }
  if (!message.problem.empty()) result["comment"] = message.problem;
  return result;
}

json::object response_of(const v1::Record& record, const Message& message) {
  const auto head = parse_http_head(message.head);
  const auto line = split_start_line(head.start_line);
  json::object content{{"size", record.response().size()}, {"mimeType", safe(head.field("content-type"))}};
  if (!message.body.empty()) set_text(content, "encoding", message.body);
  if (!message.problem.empty()) content["comment"] = message.problem;
  return {{"status", record.status()},
          {"statusText", safe(line.third)},
          {"httpVersion", line.first.empty() ? "HTTP/1.1" : safe(line.first)},
          {"cookies", json::array()},
          {"headers", pairs(head.fields)},
          {"content", std::move(content)},
          {"redirectURL", safe(head.field("location"))},
          {"headersSize", message.head.empty() ? -1 : static_cast<std::int64_t>(message.head.size())},
          {"bodySize", record.response().size()}};
}

// What HAR has no place for; names that begin with _ are for that.
json::object ours(const v1::Record& record) {
  return {{"call", to_hex(as_bytes(record.call_id()))},
          {"session", to_hex(as_bytes(record.session_id()))},
          {"workload", record.workload().name()},
          {"identity", record.workload().spiffe_id()},
          {"process", record.process().exe_path()},
          {"function", record.function()},
          {"decision", std::string(inquiry::decision_of(record))},
          {"policy", record.decision().policy()},
          {"rule", record.decision().rule()},
          {"outcome", std::string(inquiry::outcome_of(record))},
          {"errorCode", record.error_code()},
          {"tls", record.upstream().tls_version()}};
}

std::string address_of(const v1::Endpoint& endpoint) {
  auto text = show_endpoint(endpoint);
  text.resize(std::min(text.rfind(':'), text.size()));
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

class HarWriter final : public ExportWriter {
 public:
  HarWriter(std::ostream& out, bool payloads) : out_(out), payloads_(payloads) {
    const json::object creator{{"name", "callgate"}, {"version", CALLGATE_VERSION}};
    out_ << R"({"log":{"version":"1.2","creator":)" << json::serialize(creator) << R"(,"entries":[)";
  }

  void begin(const v1::Record& record) override {
    messages_ = {};
    record_.reset();
    if (std::string_view(record.function()).starts_with(http)) {
      record_ = record;
    } else {
      ++left_out_;
    }
  }

  void add(const v1::PayloadChunk& chunk) override {
    if (!record_) return;
    auto& message = messages_[chunk.direction() == v1::PayloadChunk::DIRECTION_REQUEST ? 0 : 1];
    if (const auto loss = payload_loss(chunk); !loss.empty()) note(message, loss);
    if (chunk.truncated()) note(message, "truncated: more passed than was captured");
    if (chunk.kind() == v1::PayloadChunk::KIND_HEAD && message.head.size() < largest_head)
      message.head += chunk.data();
    if (chunk.kind() != v1::PayloadChunk::KIND_BODY) return;
    message.body_size += chunk.data().size();
    if (message.body_size > largest_body) {
      if (!message.body.empty())
        note(message, "left out: the body is larger than 16 MiB, --format jsonl has it whole");
      message.body.clear();
    } else {
      message.body += chunk.data();
    }
  }

  void end() override {
    if (!record_) return;
    const auto& record = *record_;
    if (!payloads_) {
      for (auto& message : messages_)
        note(message, "exported without payloads");
    }
    json::object entry{{"startedDateTime", format_time(record.opened_ns())},
                       {"time", milliseconds(0, record.timings().total_us())},
                       {"request", request_of(record, messages_[0])},
                       {"response", response_of(record, messages_[1])},
                       {"cache", json::object()},
                       {"timings", timings_of(record.timings())},
                       {"connection", to_hex(as_bytes(record.session_id()))},
                       {"_callgate", ours(record)}};
    const auto& reached = record.upstream().reached() ? record.upstream().address() : record.destination();
    if (const auto address = address_of(reached); !address.empty()) entry["serverIPAddress"] = address;
    out_ << (first_ ? "\n" : ",\n") << json::serialize(entry);
    first_ = false;
  }

  void finish() override { out_ << "\n]}}\n"; }
  [[nodiscard]] std::uint64_t left_out() const override { return left_out_; }

 private:
  static void note(Message& message, const std::string& text) {
    if (message.problem.find(text) == std::string::npos)
      message.problem += (message.problem.empty() ? "" : "; ") + text;
  }

  std::ostream& out_;
  bool payloads_;
  bool first_ = true;
  std::uint64_t left_out_ = 0;
  std::optional<v1::Record> record_;
  std::array<Message, 2> messages_;
};

}  // namespace

std::unique_ptr<ExportWriter> make_har_writer(std::ostream& out, bool payloads) {
  return std::make_unique<HarWriter>(out, payloads);
}

}  // namespace callgate::cli
