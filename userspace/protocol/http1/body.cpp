#include "protocol/http1/body.hpp"

#include <algorithm>
#include <cstdint>

#include "protocol/http1/characters.hpp"
#include "protocol/http1/fields.hpp"
#include "protocol/http1/problems.hpp"

namespace callgate::http1 {
namespace {

constexpr std::size_t max_size_digits = 16;

std::size_t skip_quoted(std::string_view line, std::size_t at) {
  for (++at; at < line.size(); ++at) {
    if (line[at] == '"') return at + 1;
    if (line[at] == '\\') ++at;
  }
  return line.npos;
}

// RFC 9112 7.1.1, without the white space that it allows only for the sake of old senders.
bool are_extensions(std::string_view text) {
  if (!is_field_text(text)) return false;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != ';') return false;
    const std::size_t name = at + 1;
    at = skip(class_token, text, name);
    if (at == name) return false;
    if (at == text.size() || text[at] != '=') continue;
    const std::size_t value = at + 1;
    if (value < text.size() && text[value] == '"') {
      at = skip_quoted(text, value);
      if (at == text.npos) return false;
    } else {
      at = skip(class_token, text, value);
      if (at == value) return false;
    }
  }
  return true;
}

const Problem* read_chunk_size(std::string_view line, std::uint64_t& size) {
  const std::size_t digits = skip(class_hex, line, 0);
  if (line.find('\r') != line.npos) return &problem::bare_cr;
  if (digits == 0 || digits > max_size_digits) return &problem::bad_chunk_size;
  if (digits < line.size() && line[digits] != ';') return &problem::bad_chunk_size;
  size = 0;
  for (const char c : line.substr(0, digits))
    size = size << 4U | hex_value(c);
  return are_extensions(line.substr(digits)) ? nullptr : &problem::bad_chunk_extension;
}

std::size_t smaller(std::size_t size, std::uint64_t limit) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(size, limit));
}

}  // namespace

void BodyReader::start(Framing framing, std::uint64_t length, const Limits& limits) {
  trailers_.clear();
  allowance_ = limits.body_bytes;
  chunk_line_limit_ = limits.chunk_line_bytes;
  trailer_limit_ = limits.trailer_bytes;
  field_count_limit_ = limits.field_count;
  remaining_ = framing == Framing::length ? length : 0;
  switch (framing) {
    case Framing::none:
    case Framing::length:
      state_ = State::length;
      break;
    case Framing::chunked:
      begin_chunk_line(0);
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
}

Step BodyReader::step(std::string_view input) {
  for (;;) {
    Step out;
    switch (state_) {
      case State::length:
        return read_length(input);
      case State::until_close:
        return read_until_close(input);
      case State::chunk_line:
        if (!read_chunk_line(input, out)) return out;
        break;
      case State::chunk_data:
        return read_chunk_data(input);
      case State::chunk_end:
        if (!read_chunk_end(input, out)) return out;
        break;
      case State::trailers:
        return read_trailers(input);
      case State::failed:
        return {Event::invalid, 0, {}};
    }
  }
}

Step BodyReader::close() {
  if (state_ == State::until_close || (state_ == State::length && remaining_ == 0))
    return {Event::end, 0, {}};
  return fail(problem::truncated);
}

Step BodyReader::fail(const Problem& problem) {
  state_ = State::failed;
  problem_ = &problem;
  return {Event::invalid, 0, {}};
}

Step BodyReader::read_length(std::string_view input) {
  if (remaining_ == 0) return {Event::end, 0, {}};
  if (input.empty()) return {};
  const std::size_t size = smaller(input.size(), remaining_);
  remaining_ -= size;
  return {Event::body, size, input.substr(0, size)};
}

Step BodyReader::read_until_close(std::string_view input) {
  if (input.empty()) return {};
  if (allowance_ == 0) return fail(problem::body_too_large);
  const std::size_t size = smaller(input.size(), allowance_);
  allowance_ -= size;
  return {Event::body, size, input.substr(0, size)};
}

void BodyReader::begin_chunk_line(std::size_t offset) {
  state_ = State::chunk_line;
  constexpr std::size_t line_end = 2;
  lines_.begin(offset, std::min(chunk_line_limit_, SIZE_MAX - line_end) + line_end);
}

bool BodyReader::read_chunk_line(std::string_view input, Step& out) {
  std::string_view line;
  switch (lines_.next(input, line)) {
    case LineScanner::Outcome::more:
      return false;
    case LineScanner::Outcome::bare_lf:
      out = fail(problem::bare_lf);
      return false;
    case LineScanner::Outcome::too_long:
      out = fail(problem::chunk_line_too_long);
      return false;
    case LineScanner::Outcome::line:
      break;
  }
  if (const Problem* wrong = read_chunk_size(line, remaining_)) {
    out = fail(*wrong);
    return false;
  }
  if (remaining_ > allowance_) {
    out = fail(problem::body_too_large);
    return false;
  }
  allowance_ -= remaining_;
  const std::size_t next = lines_.position();
  if (remaining_ > 0) {
    state_ = State::chunk_data;
    data_offset_ = next;
  } else {
    state_ = State::trailers;
    lines_.begin(next, trailer_limit_);
    fields_.begin(field_count_limit_);
  }
  return true;
}

Step BodyReader::read_chunk_data(std::string_view input) {
  if (input.size() <= data_offset_) return {};
  const std::string_view rest = input.substr(data_offset_);
  const std::size_t size = smaller(rest.size(), remaining_);
  const std::size_t consumed = data_offset_ + size;
  data_offset_ = 0;
  remaining_ -= size;
  if (remaining_ == 0) state_ = State::chunk_end;
  return {Event::body, consumed, rest.substr(0, size)};
}

bool BodyReader::read_chunk_end(std::string_view input, Step& out) {
  constexpr std::string_view line_end = "\r\n";
  const std::string_view found = input.substr(0, line_end.size());
  if (found != line_end.substr(0, found.size())) {
    out = fail(problem::bad_chunk_end);
    return false;
  }
  if (found.size() < line_end.size()) return false;
  begin_chunk_line(line_end.size());
  return true;
}

Step BodyReader::read_trailers(std::string_view input) {
  switch (fields_.scan(lines_, input, problem::trailers_too_large)) {
    case FieldScanner::Outcome::more:
      return {};
    case FieldScanner::Outcome::failed:
      return fail(fields_.problem());
    case FieldScanner::Outcome::done:
      break;
  }
  fields_.views(input, trailers_);
  for (const Field& field : trailers_)
    if (is_forbidden_trailer(field.name)) return fail(problem::forbidden_trailer);
  return {Event::end, lines_.position(), {}};
}

}  // namespace callgate::http1
