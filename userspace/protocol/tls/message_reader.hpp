// One handshake message (RFC 8446 section 4), put together from the records that carry it (section 5.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/tls/read.hpp"

namespace callgate::tls {

// Keeps its place: however the bytes are split, each is looked at once while the message is put together, and
// once more when it is whole.
class MessageReader {
 public:
  // Which message it is, and what else may come before it.
  struct Rules {
    std::uint8_t type = 0;
    Problem malformed;
    Problem oversized;
    bool alerts = false;              // warnings, or a fatal alert in the message's place
    bool change_cipher_spec = false;  // one, for the sake of middleboxes (RFC 8446 appendix D.4)
    bool early_data = false;          // which the other side skips (RFC 8446 section 4.2.10)
  };

  enum class State : std::uint8_t {
    reading,
    complete,     // take_body() has it
    fatal_alert,  // came in its place
    invalid,      // problem() says why
    taken,
  };

  // `rules` outlive the reader.
  explicit MessageReader(const Rules& rules) : rules_(&rules) {}

  // Takes the next bytes, up to the end of the message. What comes after that is not looked at.
  State feed(std::string_view bytes);
  // Without the message's header. Only of a complete message, and once.
  [[nodiscard]] std::string take_body();
  [[nodiscard]] const Problem& problem() const { return *problem_; }
  [[nodiscard]] const Rules& rules() const { return *rules_; }

  // Bytes taken: where the message ends, once it is complete.
  [[nodiscard]] std::size_t size() const { return size_; }
  // The record in which the message ends goes on behind it.
  [[nodiscard]] bool record_goes_on() const { return left_ != 0; }
  // How often a byte was looked at, in sum: what the work so far was.
  [[nodiscard]] std::size_t examined() const { return examined_; }

 private:
  // How many more bytes tell something new.
  [[nodiscard]] std::size_t wanted() const;
  [[nodiscard]] bool may_come(std::uint64_t content) const;
  void begin_record();
  void end_record();
  void read_content(std::string_view part);
  void read_alert();
  void check_message();
  void fail(const Problem& problem);

  const Rules* rules_;
  const Problem* problem_ = nullptr;  // in rules_
  std::string piece_;                 // of a record's header, or of an alert
  std::string message_;               // with its header
  std::size_t message_size_ = 4;      // at least its header, until that is there
  std::size_t left_ = 0;              // bytes of the record that is being read
  std::size_t size_ = 0;
  std::size_t examined_ = 0;
  std::size_t warnings_ = 0;
  std::uint8_t content_ = 0;  // type of the record that is being read
  bool change_cipher_spec_seen_ = false;
  State state_ = State::reading;
};

}  // namespace callgate::tls
