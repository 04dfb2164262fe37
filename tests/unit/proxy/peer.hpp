// One end of a TCP connection, as tests talk: blocking, with a deadline after which the test fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace callgate::test {

class Peer {
 public:
  explicit Peer(Fd socket);

  void send(std::string_view text);
  // As much as the other side takes at once without waiting; returns how much.
  std::size_t send_some(std::string_view text);
  // Everything up to and including `end`.
  std::string read_until(std::string_view end);
  std::string read_exactly(std::size_t size);
  // Everything until the connection ends in order; fails the test if it is reset.
  std::string read_to_end();
  // A whole response with Content-Length (or without a body), head included.
  std::string read_response();
  // True if the connection ends by a reset, after whatever comes before it.
  bool ends_with_reset();
  // True if the connection is reset after the other side's end was read, which reading does not tell.
  bool fails_with_reset();
  // Nothing is there to read now.
  bool is_silent();
  // Something is there to read, or the end, before `time` is over.
  bool readable_within(std::chrono::milliseconds time);
  void end_output();
  void close() { socket_.reset(); }
  void reset();
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  bool fill();

  Fd socket_;
  std::string received_;
  bool reset_ = false;
};

struct Listener {
  // On 127.0.0.1, any port. A small receive buffer if `receive_buffer` is not 0.
  explicit Listener(int receive_buffer = 0);
  Peer accept();
  // Whether a connection waits to be accepted.
  bool has_connection();
  Fd socket;
  std::uint16_t port = 0;
};

}  // namespace callgate::test
