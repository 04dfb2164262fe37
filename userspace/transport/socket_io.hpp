// The encrypted side of one connection: a socket, and the OpenSSL BIO over it.
//
// Bytes are received into one 64 KB buffer that all connections of a thread share. Whoever received last
// keeps its leftovers there until another connection needs the buffer; only then are they copied out, into
// memory of that connection. Output is collected in a second shared buffer, so that several records leave in
// one send; what the socket does not take is kept with its connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"

struct bio_st;

namespace callgate::transport {

struct ThreadBuffers;

class SocketIo {
 public:
  enum class Flush : std::uint8_t { done, blocked, broken };

  explicit SocketIo(Fd socket);
  ~SocketIo();
  SocketIo(const SocketIo&) = delete;
  SocketIo& operator=(const SocketIo&) = delete;

  // A BIO over this object, which must outlive it. Null if memory is short.
  [[nodiscard]] bio_st* make_bio();

  [[nodiscard]] int fd() const { return socket_.get(); }
  // While false, the BIO gives only what was received already.
  void allow_receive(bool allow) { may_receive_ = allow; }
  // Sends what was written. Every operation ends with it, so the shared output buffer is empty between
  // operations. broken: the socket takes no more bytes, now or ever; what was not sent is dropped.
  Flush flush();
  // Bytes that were received and not taken.
  [[nodiscard]] std::size_t buffered() const;

  [[nodiscard]] bool saw_end() const { return saw_end_; }
  [[nodiscard]] bool saw_bytes() const { return received_ > 0; }
  // errno of the receive that failed, or 0.
  [[nodiscard]] int receive_error() const { return receive_error_; }
  [[nodiscard]] int send_error() const { return send_error_; }
  // The peer's first bytes are no TLS record; their beginning is in first_bytes().
  [[nodiscard]] bool not_tls() const { return not_tls_; }
  [[nodiscard]] const std::string& first_bytes() const { return first_bytes_; }

  // For the BIO: the count of bytes moved, 0 at the end of the stream, would_block or broken.
  static constexpr int would_block = -1;
  static constexpr int broken = -2;
  [[nodiscard]] int take(char* target, int size);
  [[nodiscard]] int put(const char* source, int size);

 private:
  [[nodiscard]] int receive();
  [[nodiscard]] int take_spilled(char* target, int size);
  void claim_shared_input();
  void check_first_bytes(const std::uint8_t* bytes, std::size_t size);

  Fd socket_;
  std::shared_ptr<ThreadBuffers> shared_;  // shared: outlives whichever of thread and connection ends first
  std::vector<std::uint8_t> input_;        // leftovers that had to leave the shared buffer
  std::size_t input_begin_ = 0;
  std::vector<std::uint8_t> output_;  // encrypted bytes that the socket did not take
  std::size_t output_begin_ = 0;
  std::string first_bytes_;
  std::uint64_t received_ = 0;
  int receive_error_ = 0;
  int send_error_ = 0;
  bool may_receive_ = false;
  bool saw_end_ = false;
  bool not_tls_ = false;
};

}  // namespace callgate::transport
