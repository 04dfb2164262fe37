#include "cli/replay.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ostream>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/json.hpp"
#include "cli/payload_text.hpp"
#include "cli/record_text.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

std::string seconds(std::uint64_t nanoseconds) {
  return fmt::format("+{:.6f} s", static_cast<double>(nanoseconds) / 1e9);
}

}  // namespace

std::optional<double> parse_speed(const std::string& text) {
  if (text == "max") return 0;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || !std::isfinite(value) || value < 0 || value > 1e6) return std::nullopt;
  if (*end == 'x') ++end;
  return *end == '\0' ? std::optional<double>(value) : std::nullopt;
}

bool Replay::add(const v1::ShowSessionPart& part) {
  return part.has_record() ? add(part.record()) : add(part.payload());
}

// Waits until `now`. Time does not run backwards: clocks may have been set.
bool Replay::pass_time(std::uint64_t now) {
  if (start_ns_ == 0) start_ns_ = now_ns_ = now;
  if (now <= now_ns_) return true;
  const std::chrono::nanoseconds gap(static_cast<std::int64_t>(now - now_ns_));
  now_ns_ = now;
  return wait_(gap);
}

bool Replay::add(const v1::Record& record) {
  if (!end_call()) return false;
  record_ = record;
  if (!pass_time(record.opened_ns())) return false;
  const auto& id = record.call_id().empty() ? record.session_id() : record.call_id();
  const std::string line = fmt::format(
      "{}  {}  {}, {}", show_time(record.opened_ns()), to_hex(as_bytes(id)),
      record.function().empty() ? "connection to " + show_endpoint(record.destination()) : record.function(),
      decision_text(record));
  output_.out << output_.paint(safe(line), Colour::strong) << std::endl;
  return output_.out.good();
}

void Replay::print_time(std::uint64_t now, v1::PayloadChunk::Direction direction,
                        const std::string& text) const {
  const bool request = direction == v1::PayloadChunk::DIRECTION_REQUEST;
  const std::uint64_t since = now > start_ns_ ? now - start_ns_ : 0;
  output_.out << output_.paint(fmt::format("{} {}  {}", request ? "→" : "←", seconds(since), text),
                               request ? Colour::warning : Colour::good)
              << '\n';
}

bool Replay::add(const v1::PayloadChunk& chunk) {
  if (!pass_time(chunk.time_ns())) return false;
  const auto title = payload_title(chunk.direction(), chunk.kind());
  if (const auto loss = payload_loss(chunk); !loss.empty()) {
    damaged_ = damaged_ || chunk.state() == v1::PayloadChunk::STATE_DAMAGED;
    print_time(now_ns_, chunk.direction(), fmt::format("{} [{}]", title, loss));
    return output_.out.flush().good();
  }
  if (chunk.data().empty()) {
    if (chunk.truncated())
      print_time(now_ns_, chunk.direction(), title + " [truncated: more passed than was captured]");
    return output_.out.flush().good();
  }
  auto& half = halves_[chunk.direction() == v1::PayloadChunk::DIRECTION_REQUEST ? 0 : 1];
  const std::string bytes = half + chunk.data();
  const auto whole = whole_characters(bytes);
  half = bytes.substr(whole);
  const auto offset =
      chunk.offset() - std::min<std::uint64_t>(chunk.offset(), bytes.size() - chunk.data().size());
  print_time(
      now_ns_, chunk.direction(),
      fmt::format("{}, {} from byte {}", title, show_size(chunk.data().size()), show_number(chunk.offset())));
  std::string_view text = std::string_view(bytes).substr(0, whole);
  const auto shown = is_text(text) ? safe_lines(text) : hex_dump(text, offset);
  for (std::string_view left = shown; !left.empty();) {
    const auto end = std::min(left.find('\n'), left.size());
    output_.out << "    " << left.substr(0, end) << '\n';
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return output_.out.flush().good();
}

// What came of the call, at its end.
bool Replay::end_call() {
  if (!record_) return true;
  for (std::size_t direction = 0; direction < halves_.size(); ++direction) {
    if (!halves_[direction].empty()) output_.out << "    " << safe(halves_[direction]) << '\n';
    halves_[direction].clear();
  }
  const v1::Record record = std::move(*record_);
  record_.reset();
  if (!pass_time(record.closed_ns())) return false;
  std::string end = outcome_name(record.outcome());
  if (record.status() != 0) end += fmt::format(", status {}", record.status());
  if (!record.error_code().empty()) end += ", " + record.error_code();
  output_.out << output_.paint(fmt::format("= {}  {}", seconds(now_ns_ - start_ns_), safe(end)),
                               outcome_colour(record.outcome()))
              << std::endl;
  return output_.out.good();
}

bool Replay::finish() {
  return end_call();
}

}  // namespace callgate::cli
