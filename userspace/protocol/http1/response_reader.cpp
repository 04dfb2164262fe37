#include <utility>

#include "protocol/http1/body.hpp"
#include "protocol/http1/characters.hpp"
#include "protocol/http1/fields.hpp"
#include "protocol/http1/lines.hpp"
#include "protocol/http1/problems.hpp"
#include "protocol/http1/reader.hpp"

namespace callgate::http1 {
namespace {

enum class Asked : std::uint8_t { other, head, connect };

// Reads "HTTP/1.1 200 OK"; the reason with the space before it may be missing.
const Problem* read_status_line(std::string_view line, ResponseHead& out) {
  if (!is_field_text(line)) return &bad_byte(line);
  constexpr std::size_t size_without_reason = 12;
  if (line.size() < size_without_reason || line.substr(0, 7) != "HTTP/1." ||
      (line[7] != '0' && line[7] != '1') || line[8] != ' ' || line[9] < '1' || !is_digit(line[9]) ||
      !is_digit(line[10]) || !is_digit(line[11]))
    return &problem::bad_status_line;
  if (line.size() > size_without_reason && line[size_without_reason] != ' ') return &problem::bad_status_line;
  out.minor_version = line[7] - '0';
  out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  out.reason = line.size() > size_without_reason ? line.substr(size_without_reason + 1) : std::string_view{};
  return nullptr;
}

}  // namespace

struct ResponseReader::State {
  enum class Part : std::uint8_t { start_line, fields, body, closed, failed };

  explicit State(const Limits& wanted) : limits(wanted) { begin_message(); }

  void begin_message();
  void finish_message();
  [[nodiscard]] Step fail(const Problem& wrong);
  [[nodiscard]] Step step(std::string_view input);
  [[nodiscard]] Step close();
  [[nodiscard]] bool read_start_line(std::string_view input, Step& out);
  [[nodiscard]] Step read_fields(std::string_view input, bool start_line_is_fresh);
  [[nodiscard]] const Problem* read_framing(const Framed& framed);

  Limits limits;
  Part part = Part::start_line;
  LineScanner lines;
  FieldScanner fields;
  BodyReader body;
  ResponseHead head;
  std::vector<Asked> asked;  // requests whose response is to come, from next_asked on
  std::size_t next_asked = 0;
  std::size_t start_line_size = 0;
  const Problem* problem = &problem::none;
};

void ResponseReader::State::begin_message() {
  part = Part::start_line;
  lines.begin(0, limits.head_bytes);
  fields.begin(limits.field_count);
}

void ResponseReader::State::finish_message() {
  if (!head.interim()) {
    ++next_asked;
    // Also where requests never cease to be in flight, the list stays about as long as there are such
    // requests.
    if (next_asked == asked.size() || next_asked > 64) {
      asked.erase(asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(next_asked));
      next_asked = 0;
    }
  }
  if (head.framing == Framing::until_close || head.upgrade) {
    part = Part::closed;
  } else {
    begin_message();
  }
}

Step ResponseReader::State::fail(const Problem& wrong) {
  part = Part::failed;
  problem = &wrong;
  return {Event::invalid, 0, {}};
}

Step ResponseReader::State::step(std::string_view input) {
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
      if (out.event == Event::end) finish_message();
      if (out.event == Event::invalid) return fail(body.problem());
      return out;
    }
    case Part::closed:
      return input.empty() ? Step{} : fail(problem::unexpected_response);
    case Part::failed:
      break;
  }
  return {Event::invalid, 0, {}};
}

Step ResponseReader::State::close() {
  if (part == Part::failed) return {Event::invalid, 0, {}};
  if (part != Part::body) return fail(problem::truncated);
  const Step out = body.close();
  if (out.event == Event::invalid) return fail(body.problem());
  finish_message();
  part = Part::closed;
  return out;
}

bool ResponseReader::State::read_start_line(std::string_view input, Step& out) {
  if (!input.empty() && next_asked == asked.size()) {
    out = fail(problem::unexpected_response);
    return false;
  }
  // Garbage need not wait for a line end: other protocols would never send one.
  if (!input.empty() && input.front() != 'H') {
    out = fail(problem::bad_status_line);
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
      out = fail(problem::head_too_large);
      return false;
    case LineScanner::Outcome::line:
      break;
  }
  if (const Problem* wrong = read_status_line(line, head)) {
    out = fail(*wrong);
    return false;
  }
  start_line_size = line.size();
  part = Part::fields;
  return true;
}

Step ResponseReader::State::read_fields(std::string_view input, bool start_line_is_fresh) {
  switch (fields.scan(lines, input, problem::head_too_large)) {
    case FieldScanner::Outcome::more:
      return {};
    case FieldScanner::Outcome::failed:
      return fail(fields.problem());
    case FieldScanner::Outcome::done:
      break;
  }
  // The input may have moved since the status line was read.
  if (!start_line_is_fresh)
    if (const Problem* wrong = read_status_line(input.substr(0, start_line_size), head)) return fail(*wrong);
  fields.views(input, head.fields);

  Framed framed;
  if (const Problem* wrong = http1::read_fields(head.fields, head.minor_version, false, framed))
    return fail(*wrong);
  head.upgrade = false;
  if (const Problem* wrong = read_framing(framed)) return fail(*wrong);
  head.keep_alive = !framed.close && (head.minor_version > 0 || framed.keep_alive) && !head.upgrade &&
                    head.framing != Framing::until_close;
  part = Part::body;
  body.start(head.framing, head.content_length, limits);
  return {Event::head, lines.position(), {}};
}

// RFC 9112 6.3, in its order.
const Problem* ResponseReader::State::read_framing(const Framed& framed) {
  const Asked request = asked[next_asked];
  head.framing = Framing::none;
  head.content_length = 0;
  if (head.status < 200 || head.status == 204) {
    // Their receivers agree that no body follows, but a sender that announces one may send it.
    if (framed.chunked || framed.length > 0) return &problem::body_not_allowed;
    head.upgrade = head.status == 101;
    return nullptr;
  }
  if (request == Asked::head || head.status == 304) return nullptr;
  if (request == Asked::connect && head.status < 300) {
    head.upgrade = true;
    return nullptr;
  }
  if (framed.length > limits.body_bytes) return &problem::body_too_large;
  if (framed.chunked) {
    head.framing = Framing::chunked;
  } else if (framed.has_length) {
    head.framing = Framing::length;
    head.content_length = framed.length;
  } else {
    head.framing = Framing::until_close;
  }
  return nullptr;
}

ResponseReader::ResponseReader(const Limits& limits) : state_(std::make_unique<State>(limits)) {}
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;
ResponseReader::~ResponseReader() = default;

void ResponseReader::expect(std::string_view request_method) {
  const Asked request = request_method == "HEAD"      ? Asked::head
                        : request_method == "CONNECT" ? Asked::connect
                                                      : Asked::other;
  state_->asked.push_back(request);
}
Step ResponseReader::step(std::string_view input) {
  return state_->step(input);
}
Step ResponseReader::close() {
  return state_->close();
}
const ResponseHead& ResponseReader::head() const {
  return state_->head;
}
std::uint64_t ResponseReader::content_left() const {
  return state_->part == State::Part::body ? state_->body.content_left() : 0;
}

const std::vector<Field>& ResponseReader::trailers() const {
  return state_->body.trailers();
}
const Problem& ResponseReader::error() const {
  return *state_->problem;
}

}  // namespace callgate::http1
