#include "protocol/http1/lines.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/http1/characters.hpp"
#include "protocol/http1/problems.hpp"

namespace callgate::http1 {

LineScanner::Outcome LineScanner::next(std::string_view input, std::string_view& line) {
  const std::size_t end = std::min(input.size(), end_);
  if (scanned_ < end) {
    const void* found = std::memchr(input.data() + scanned_, '\n', end - scanned_);
    if (found != nullptr) {
      const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
      if (at == line_begin_ || input[at - 1] != '\r') return Outcome::bare_lf;
      line = input.substr(line_begin_, at - 1 - line_begin_);
      line_begin_ = scanned_ = at + 1;
      return Outcome::line;
    }
    scanned_ = end;
  }
  return input.size() >= end_ ? Outcome::too_long : Outcome::more;
}

const Problem& bad_byte(std::string_view line) {
  for (const char c : line)
    if (!is_field_text({&c, 1})) return c == '\r' ? problem::bare_cr : problem::control_byte;
  return problem::control_byte;
}

const Problem* FieldScanner::add(std::string_view line, std::size_t offset) {
  if (line.front() == ' ' || line.front() == '\t') return &problem::obs_fold;
  if (spans_.size() >= limit_) return &problem::too_many_fields;
  const std::size_t colon = skip(class_token, line, 0);
  if (!is_field_text(line.substr(colon))) return &bad_byte(line);
  if (colon == line.size()) return &problem::bad_field_line;
  if (line[colon] != ':') {
    if (line.find(':', colon) == line.npos) return &problem::bad_field_line;
    return line[colon] == ' ' || line[colon] == '\t' ? &problem::space_before_colon
                                                     : &problem::bad_field_name;
  }
  if (colon == 0) return &problem::bad_field_name;
  std::size_t begin = colon + 1;
  std::size_t end = line.size();
  while (begin < end && (line[begin] == ' ' || line[begin] == '\t'))
    ++begin;
  while (end > begin && (line[end - 1] == ' ' || line[end - 1] == '\t'))
    --end;
  spans_.push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(colon),
                    static_cast<std::uint32_t>(offset + begin), static_cast<std::uint32_t>(end - begin)});
  return nullptr;
}

FieldScanner::Outcome FieldScanner::scan(LineScanner& lines, std::string_view input,
                                         const Problem& too_large) {
  for (;;) {
    std::string_view line;
    const std::size_t offset = lines.position();
    switch (lines.next(input, line)) {
      case LineScanner::Outcome::more:
        return Outcome::more;
      case LineScanner::Outcome::bare_lf:
        problem_ = &problem::bare_lf;
        return Outcome::failed;
      case LineScanner::Outcome::too_long:
        problem_ = &too_large;
        return Outcome::failed;
      case LineScanner::Outcome::line:
        break;
    }
    if (line.empty()) return Outcome::done;
    problem_ = add(line, offset);
    if (problem_ != nullptr) return Outcome::failed;
  }
}

void FieldScanner::views(std::string_view input, std::vector<Field>& fields) const {
  fields.clear();
  for (const Span& span : spans_)
    fields.push_back({input.substr(span.name, span.name_size), input.substr(span.value, span.value_size)});
}

}  // namespace callgate::http1
