// One connection's bytes, in plaintext or over TLS, with what the peer has not taken yet.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "proxy/poller.hpp"
#include "transport/tls_client.hpp"

namespace callgate::proxy {

using transport::IoResult;
using transport::IoStatus;

// Who steps when a stream can go on.
class StreamUser {
 public:
  virtual void on_stream_ready() = 0;

 protected:
  ~StreamUser() = default;
};

// Belongs to one thread. Never blocks. Readiness is remembered from edges, so that no system call is made in
// vain.
class Stream final : private Watcher {
 public:
  // Takes a connected or connecting non-blocking TCP socket. `user` outlives the stream or replaces itself by
  // use().
  [[nodiscard]] static Result<std::unique_ptr<Stream>> make(Poller& poller, Fd socket, StreamUser& user);

  void use(StreamUser& user) { user_ = &user; }
  // Moves the socket under TLS; to be driven by handshake() before anything else.
  [[nodiscard]] Result<void> start_tls(std::shared_ptr<transport::TlsClient> client,
                                       const transport::TargetRequirement& requirement);
  [[nodiscard]] IoStatus handshake();

  // True if read() may have something to say.
  [[nodiscard]] bool readable() const { return readable_ || (!stalled_ && has_buffered()); }
  // Bytes that were received from the socket, and not read.
  [[nodiscard]] bool has_buffered() const { return tls_ != nullptr && tls_->has_buffered(); }
  [[nodiscard]] bool writable() const { return writable_; }
  // The peer has reset the connection, or both directions are closed.
  [[nodiscard]] bool broken() const { return broken_; }
  // ok with at least one byte, want_read, closed (end of stream), failed (error()).
  [[nodiscard]] IoResult read(std::span<std::uint8_t> buffer);
  // Forgets an edge whose bytes have all been read, so that the next read() waits for a new one.
  void expect_edge() { readable_ = readable_ && ended_; }

  // Sends `first` and then `second`, and keeps what the socket does not take. False: the connection is gone
  // (error()).
  [[nodiscard]] bool send(std::string_view first, std::string_view second = {});
  [[nodiscard]] bool flush();
  // Something sent is still here: nothing more may be sent before flush() has emptied it.
  [[nodiscard]] bool blocked() const { return !pending_.empty(); }

  // A connect() is under way: writable() from its end.
  void expect_connect() { writable_ = false; }
  // The pending error of a connecting socket, 0 if it is connected.
  [[nodiscard]] int connect_error() const;
  // No more will be sent (FIN, or close_notify).
  void end_output();
  // close() from now on resets the connection instead of ending it in order: the peer cannot mistake it for
  // an end.
  void reset_on_close();

  [[nodiscard]] const Error& error() const { return error_; }
  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  // Of a TLS connection.
  [[nodiscard]] const transport::TlsFacts& tls_facts() const { return tls_->facts(); }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  Stream(Fd socket, StreamUser& user) : socket_(std::move(socket)), fd_(socket_.get()), user_(&user) {}

  void on_ready(std::uint32_t events) override;
  IoResult read_plain(std::span<std::uint8_t> buffer);
  IoResult read_tls(std::span<std::uint8_t> buffer);
  // Bytes taken by the socket, or -1 if the connection is gone.
  std::ptrdiff_t write_plain(std::string_view first, std::string_view second);
  std::ptrdiff_t write_tls(std::string_view bytes);

  Fd socket_;  // empty under TLS
  std::unique_ptr<transport::TlsConnection> tls_;
  int fd_;
  StreamUser* user_;
  std::string pending_;
  Error error_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  IoStatus after_data_ = IoStatus::ok;  // what TLS said after the bytes that the last read returned
  bool readable_ = false;
  bool stalled_ = false;  // what is buffered is a part of a record: nothing without another edge
  bool writable_ = true;
  bool ended_ = false;  // the peer has sent its end: read on until it shows
  bool broken_ = false;
  Poller::Watch watch_;  // last: ends before the socket does
};

}  // namespace callgate::proxy
