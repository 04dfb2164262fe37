#include "cli/payload_text.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/body_text.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t largest_piece = 1U << 20U;

void print_indented(std::string_view text, std::ostream& out) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out << "    " << text.substr(0, end) << '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::string payload_title(v1::PayloadChunk::Direction direction, v1::PayloadChunk::Kind kind) {
  constexpr const char* kinds[] = {"head", "body", "trailers", "stream"};
  const auto place = static_cast<std::size_t>(kind);
  return fmt::format("{} {}", direction == v1::PayloadChunk::DIRECTION_REQUEST ? "request" : "response",
                     place < std::size(kinds) ? kinds[place] : "bytes");
}

std::string payload_loss(const v1::PayloadChunk& chunk) {
  switch (chunk.state()) {
    case v1::PayloadChunk::STATE_PRESENT:
      return {};
    case v1::PayloadChunk::STATE_EXPIRED:
      return "expired: retention has removed it";
    case v1::PayloadChunk::STATE_ERASED:
      return "erased: it was removed on demand";
    default:
      return "DAMAGED: " +
             (chunk.problem().empty() ? std::string("it cannot be read") : safe(chunk.problem()));
  }
}

const v1::Content& PayloadPrinter::content() const {
  return direction_ == v1::PayloadChunk::DIRECTION_REQUEST ? record_.request() : record_.response();
}

void PayloadPrinter::begin(const v1::Record& record) {
  finish();
  record_ = record;
  heads_ = {};
}

void PayloadPrinter::add(const v1::PayloadChunk& chunk) {
  if (open_ && (direction_ != chunk.direction() || kind_ != chunk.kind())) finish();
  if (!open_) {
    open_ = true;
    direction_ = chunk.direction();
    kind_ = chunk.kind();
    bytes_.clear();
    offset_ = 0;
    in_pieces_ = cut_ = false;
  }
  if (chunk.state() != v1::PayloadChunk::STATE_PRESENT) return print_loss(chunk);
  const auto end = offset_ + bytes_.size();
  if (chunk.offset() > end) {
    cut_ = true;
    damaged_ = true;
    if (!bytes_.empty()) print_piece(false);
    print_mark(fmt::format("DAMAGED: {} are missing here", show_size(chunk.offset() - end)), Colour::bad);
    offset_ = chunk.offset();
  }
  bytes_ += chunk.data();
  if (chunk.truncated()) print_cut(chunk);
  if (bytes_.size() >= largest_piece) print_piece(false);
}

void PayloadPrinter::finish() {
  if (open_ && !bytes_.empty()) print_piece(true);
  open_ = false;
}

void PayloadPrinter::print_piece(bool last) {
  auto shown = bytes_.size();
  if (!last) shown = whole_characters(bytes_);
  const std::string_view bytes = std::string_view(bytes_).substr(0, shown);
  const bool body = kind_ == v1::PayloadChunk::KIND_BODY && last && !in_pieces_;
  const auto& head = heads_[static_cast<std::size_t>(direction_) % heads_.size()];
  BodyText text;
  if (body) {
    text = body_text(head.field("content-type"), head.all("content-encoding"), bytes, !cut_);
  } else {
    text.text = is_text(bytes) ? safe_lines(bytes) : hex_dump(bytes, offset_);
  }
  const auto part =
      offset_ > 0 || (!last && in_pieces_) ? fmt::format("from byte {}, ", show_number(offset_)) : "";
  const auto note = text.note.empty() ? "" : "; " + text.note;
  output_.out << output_.paint(fmt::format("  {} ({}{}{})", payload_title(direction_, kind_), part,
                                           show_size(bytes.size()), note),
                               Colour::faint)
              << '\n';
  print_indented(text.text, output_.out);
  if (kind_ == v1::PayloadChunk::KIND_HEAD && last)
    heads_[static_cast<std::size_t>(direction_) % heads_.size()] = parse_http_head(bytes);
  in_pieces_ = true;
  offset_ += shown;
  bytes_.erase(0, shown);
}

void PayloadPrinter::print_mark(const std::string& text, Colour colour) {
  output_.out << output_.paint(fmt::format("    [{}]", text), colour) << '\n';
}

void PayloadPrinter::print_loss(const v1::PayloadChunk& chunk) {
  if (!bytes_.empty()) {
    cut_ = true;
    print_piece(true);
  }
  const bool damaged = chunk.state() == v1::PayloadChunk::STATE_DAMAGED;
  damaged_ = damaged_ || damaged;
  if (!in_pieces_)
    output_.out << output_.paint("  " + payload_title(direction_, kind_), Colour::faint) << '\n';
  print_mark(payload_loss(chunk), damaged ? Colour::bad : Colour::warning);
  const bool head = kind_ == v1::PayloadChunk::KIND_HEAD;
  const auto& digest = head ? content().head_sha256() : content().body_sha256();
  if (!digest.empty()) {
    print_mark(fmt::format("the record keeps {}its salted sha256 {}",
                           head ? std::string() : "its size " + show_size(content().size()) + " and ",
                           to_hex(as_bytes(digest))),
               Colour::faint);
  }
}

void PayloadPrinter::print_cut(const v1::PayloadChunk& chunk) {
  cut_ = true;
  if (!bytes_.empty()) print_piece(true);
  if (!in_pieces_)
    output_.out << output_.paint("  " + payload_title(direction_, kind_), Colour::faint) << '\n';
  const auto omitted =
      chunk.omitted() == 0 ? std::string("more bytes passed") : show_size(chunk.omitted()) + " more passed";
  print_mark(fmt::format("truncated: {} and were not captured", omitted), Colour::warning);
  if (content().body_sha256().empty()) return;
  const bool whole = content().hashed_size() == content().size();
  print_mark(fmt::format("salted sha256 of {}: {}",
                         whole ? "the whole" : "the first " + show_size(content().hashed_size()),
                         to_hex(as_bytes(content().body_sha256()))),
             Colour::faint);
}

}  // namespace callgate::cli
