#include "protocol/tls/message_reader.hpp"

#include <algorithm>
#include <utility>

#include "protocol/tls/cursor.hpp"

namespace callgate::tls {
namespace {

constexpr std::uint8_t change_cipher_spec_content = 20;
constexpr std::uint8_t alert_content = 21;
constexpr std::uint8_t handshake_content = 22;
constexpr std::uint8_t application_content = 23;
constexpr std::size_t record_header = 5;
constexpr std::size_t largest_record = 1U << 14U;
constexpr std::size_t largest_sealed_record = largest_record + 256;  // RFC 8446 section 5.2
constexpr std::size_t message_header = 4;
constexpr std::size_t alert_size = 2;
constexpr std::size_t most_warnings = 5;  // as many as OpenSSL bears in a row

}  // namespace

MessageReader::State MessageReader::feed(std::string_view bytes) {
  while (state_ == State::reading && !bytes.empty()) {
    const std::string_view part = bytes.substr(0, wanted());
    bytes.remove_prefix(part.size());
    size_ += part.size();
    examined_ += part.size();
    if (left_ == 0) {
      piece_.append(part);
      if (piece_.size() == record_header) begin_record();
    } else {
      left_ -= part.size();
      read_content(part);
      if (left_ == 0 && state_ == State::reading) end_record();
    }
  }
  return state_;
}

std::size_t MessageReader::wanted() const {
  if (left_ == 0) return record_header - piece_.size();
  return content_ == handshake_content ? std::min(left_, message_size_ - message_.size()) : left_;
}

bool MessageReader::may_come(std::uint64_t content) const {
  // RFC 8446 section 5.1: no handshake record is empty, none is larger than 2^14.
  if (content == handshake_content) return left_ != 0 && left_ <= largest_record;
  // The records of a message have no others between them.
  if (!message_.empty()) return false;
  switch (content) {
    case alert_content:
      return rules_->alerts && left_ == alert_size;
    case change_cipher_spec_content:
      return rules_->change_cipher_spec && left_ == 1 && !change_cipher_spec_seen_;
    case application_content:
      return rules_->early_data && left_ != 0 && left_ <= largest_sealed_record;
    default:
      return false;
  }
}

void MessageReader::begin_record() {
  Cursor header(piece_);
  content_ = static_cast<std::uint8_t>(header.number(1));
  const std::uint64_t major = header.number(1);
  header.number(1);
  left_ = static_cast<std::size_t>(header.number(2));
  piece_.clear();
  if (major != 3 || !may_come(content_)) {
    fail(rules_->malformed);
  } else if (size_ + left_ > largest_hello) {
    fail(rules_->oversized);
  }
}

void MessageReader::end_record() {
  if (size_ + record_header > largest_hello) fail(rules_->oversized);
}

void MessageReader::read_content(std::string_view part) {
  switch (content_) {
    case handshake_content:
      message_.append(part);
      if (message_.size() == message_size_) check_message();
      break;
    case alert_content:
      piece_.append(part);
      if (left_ == 0) read_alert();
      break;
    case change_cipher_spec_content:
      change_cipher_spec_seen_ = true;
      if (part.front() != 1) fail(rules_->malformed);
      break;
    default:
      break;
  }
}

void MessageReader::read_alert() {
  // A server may warn, say that it does not know the name (RFC 6066 section 3), and still go on: only a fatal
  // alert stands in a hello's place.
  constexpr char warning_level = 1;
  constexpr char fatal_level = 2;
  const char level = piece_.front();
  piece_.clear();
  if (level == fatal_level) {
    state_ = State::fatal_alert;
  } else if (level != warning_level || ++warnings_ > most_warnings) {
    fail(rules_->malformed);
  }
}

void MessageReader::check_message() {
  if (message_size_ == message_header) {
    Cursor header(message_);
    if (header.number(1) != rules_->type) {
      fail(rules_->malformed);
      return;
    }
    message_size_ += static_cast<std::size_t>(header.number(3));
    if (message_size_ + record_header > largest_hello) {
      fail(rules_->oversized);
      return;
    }
  }
  if (message_.size() == message_size_) state_ = State::complete;
}

std::string MessageReader::take_body() {
  state_ = State::taken;
  examined_ += message_.size();
  std::string message = std::move(message_);
  message.erase(0, message_header);
  return message;
}

void MessageReader::fail(const Problem& problem) {
  state_ = State::invalid;
  problem_ = &problem;
  std::string().swap(message_);
}

}  // namespace callgate::tls
