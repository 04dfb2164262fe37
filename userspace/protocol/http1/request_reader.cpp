#include <utility>

#include "protocol/http1/body.hpp"
#include "protocol/http1/characters.hpp"
#include "protocol/http1/fields.hpp"
#include "protocol/http1/lines.hpp"
#include "protocol/http1/problems.hpp"
#include "protocol/http1/reader.hpp"
#include "protocol/http1/target.hpp"

namespace callgate::http1 {

struct RequestReader::State {
  enum class Part : std::uint8_t { start_line, fields, body, failed };

  explicit State(const Limits& wanted) : limits(wanted) { begin_message(); }

  void begin_message();
  [[nodiscard]] Step fail(const Problem& wrong);
  [[nodiscard]] Step step(std::string_view input);
  // False where `out` is what to return.
  [[nodiscard]] bool read_start_line(std::string_view input, Step& out);
  [[nodiscard]] Step read_fields(std::string_view input, bool start_line_is_fresh);
  [[nodiscard]] const Problem* read_host(const Framed& framed);
  [[nodiscard]] const Problem* read_framing(const Framed& framed);

  Limits limits;
  Part part = Part::start_line;
  LineScanner lines;
  FieldScanner fields;
  BodyReader body;
  RequestHead head;
  bool skipped_empty_line = false;
  std::size_t start_line = 0;  // its position and size in the input
  std::size_t start_line_size = 0;
  const Problem* problem = &problem::none;
};

void RequestReader::State::begin_message() {
  part = Part::start_line;
  lines.begin(0, limits.head_bytes);
  fields.begin(limits.field_count);
  skipped_empty_line = false;
}

Step RequestReader::State::fail(const Problem& wrong) {
  part = Part::failed;
  problem = &wrong;
  return {Event::invalid, 0, {}};
}

Step RequestReader::State::step(std::string_view input) {
  switch (part) {
    case Part::start_line: {
      Step out;
      if (!read_start_line(input, out)) return out;
      return read_fields(input, true);
    }
    case Part::fields:
      return read_fields(input, false);
    case Part::body: {
      const Step out = body.step(input);
      if (out.event == Event::end) begin_message();
      if (out.event == Event::invalid) return fail(body.problem());
      return out;
    }
    case Part::failed:
      break;
  }
  return {Event::invalid, 0, {}};
}

bool RequestReader::State::read_start_line(std::string_view input, Step& out) {
  for (;;) {
    start_line = lines.position();
    // Garbage need not wait for a line end: other protocols would never send one.
    if (start_line < input.size() && !is_a(class_token, input[start_line]) && input[start_line] != '\r' &&
        input[start_line] != '\n') {
      out = fail(problem::bad_method);
      return false;
    }
    std::string_view line;
    switch (lines.next(input, line)) {
      case LineScanner::Outcome::more:
        return false;
      case LineScanner::Outcome::bare_lf:
        out = fail(problem::bare_lf);
        return false;
      case LineScanner::Outcome::too_long:
        out = fail(problem::target_too_long);
        return false;
      case LineScanner::Outcome::line:
        break;
    }
    if (line.empty() && !skipped_empty_line) {
      skipped_empty_line = true;
      continue;
    }
    if (const Problem* wrong = read_request_line(line, head)) {
      out = fail(*wrong);
      return false;
    }
    start_line_size = line.size();
    part = Part::fields;
    return true;
  }
}

Step RequestReader::State::read_fields(std::string_view input, bool start_line_is_fresh) {
  switch (fields.scan(lines, input, problem::head_too_large)) {
    case FieldScanner::Outcome::more:
      return {};
    case FieldScanner::Outcome::failed:
      return fail(fields.problem());
    case FieldScanner::Outcome::done:
      break;
  }
  // The input may have moved since the request line was read.
  if (!start_line_is_fresh)
    if (const Problem* wrong = read_request_line(input.substr(start_line, start_line_size), head))
      return fail(*wrong);
  fields.views(input, head.fields);

  Framed framed;
  if (const Problem* wrong = http1::read_fields(head.fields, head.minor_version, true, framed))
    return fail(*wrong);
  if (const Problem* wrong = read_host(framed)) return fail(*wrong);
  if (const Problem* wrong = read_framing(framed)) return fail(*wrong);
  head.keep_alive = !framed.close && (head.minor_version > 0 || framed.keep_alive);
  head.upgrade = framed.upgrade;
  head.expect_continue = framed.expect_continue;
  part = Part::body;
  body.start(head.framing, head.content_length, limits);
  return {Event::head, lines.position(), {}};
}

const Problem* RequestReader::State::read_host(const Framed& framed) {
  Authority of_target;
  Authority of_field;
  const bool target_has_authority = !head.authority.empty();
  if (!framed.has_host && (head.minor_version > 0 || !target_has_authority)) return &problem::missing_host;
  if (framed.has_host)
    if (const Problem* wrong = read_authority(framed.host, of_field)) return wrong;
  if (target_has_authority) {
    if (const Problem* wrong = read_authority(head.authority, of_target)) return wrong;
    const int default_port = head.method == "CONNECT" ? of_target.port : 80;
    if (framed.has_host && !same_authority(of_target, of_field, default_port))
      return &problem::conflicting_host;
  }
  const Authority& asserted = target_has_authority ? of_target : of_field;
  head.authority = asserted.text;
  head.host = asserted.host;
  head.port = asserted.port;
  return nullptr;
}

const Problem* RequestReader::State::read_framing(const Framed& framed) {
  const bool has_framing = framed.has_length || framed.chunked;
  if (has_framing && head.method == "CONNECT") return &problem::connect_with_body;
  if (framed.has_length && framed.length > limits.body_bytes) return &problem::body_too_large;
  head.framing = framed.chunked ? Framing::chunked : framed.has_length ? Framing::length : Framing::none;
  head.content_length = framed.length;
  return nullptr;
}

RequestReader::RequestReader(const Limits& limits) : state_(std::make_unique<State>(limits)) {}
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;
RequestReader::~RequestReader() = default;

Step RequestReader::step(std::string_view input) {
  return state_->step(input);
}
bool RequestReader::idle() const {
  return state_->part == State::Part::start_line || state_->part == State::Part::fields;
}
const RequestHead& RequestReader::head() const {
  return state_->head;
}
const std::vector<Field>& RequestReader::trailers() const {
  return state_->body.trailers();
}
const Problem& RequestReader::error() const {
  return *state_->problem;
}

}  // namespace callgate::http1
