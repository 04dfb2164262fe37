#include "proxy/stream.hpp"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace callgate::proxy {
namespace {

bool would_block(int error_number) {
  return error_number == EAGAIN || error_number == EWOULDBLOCK;
}

}  // namespace

Result<std::unique_ptr<Stream>> Stream::make(Poller& poller, Fd socket, StreamUser& user) {
  std::unique_ptr<Stream> stream(new Stream(std::move(socket), user));
  const int on = 1;
  if (::setsockopt(stream->fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
    return system_error("set TCP_NODELAY", errno);
  }
  auto watch = poller.add(stream->fd_, *stream);
  if (!watch) return watch.error();
  stream->watch_ = std::move(*watch);
  return stream;
}

Result<void> Stream::start_tls(std::shared_ptr<transport::TlsClient> client,
                               const transport::TargetRequirement& requirement) {
  auto connection = transport::TlsConnection::start(std::move(client), std::move(socket_), requirement);
  if (!connection) {
    // The socket went with the attempt.
    watch_ = Poller::Watch();
    return connection.error();
  }
  tls_ = std::move(*connection);
  return {};
}

IoStatus Stream::handshake() {
  const IoStatus status = tls_->handshake();
  if (status == IoStatus::failed) error_ = tls_->error();
  if (status == IoStatus::want_read) readable_ = false;
  if (status == IoStatus::want_write) writable_ = false;
  return status;
}

void Stream::on_ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    readable_ = true;
    stalled_ = false;
  }
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) broken_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_ = true;
  user_->on_stream_ready();  // may destroy this stream
}

IoResult Stream::read(std::span<std::uint8_t> buffer) {
  const IoResult result = tls_ != nullptr ? read_tls(buffer) : read_plain(buffer);
  if (result.status == IoStatus::ok) bytes_read_ += result.size;
  return result;
}

IoResult Stream::read_plain(std::span<std::uint8_t> buffer) {
  const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (size > 0) {
    // A short read has emptied the socket: the next bytes make an edge.
    if (static_cast<std::size_t>(size) < buffer.size() && !ended_) readable_ = false;
    return {IoStatus::ok, static_cast<std::size_t>(size)};
  }
  if (size == 0) {
    readable_ = false;
    return {IoStatus::closed, 0};
  }
  if (errno == EINTR) return {IoStatus::want_read, 0};
  readable_ = false;
  if (would_block(errno)) return {IoStatus::want_read, 0};
  error_ = make_error(errno == ECONNRESET ? "connection_reset" : "connection_failed",
                      system_error("receive", errno).message);
  return {IoStatus::failed, 0};
}

IoResult Stream::read_tls(std::span<std::uint8_t> buffer) {
  std::size_t total = 0;
  IoStatus status = std::exchange(after_data_, IoStatus::ok);
  while (status == IoStatus::ok && total < buffer.size()) {
    const IoResult piece = tls_->read(buffer.subspan(total));
    status = piece.status;
    if (status != IoStatus::ok) break;
    total += piece.size;
    if (!tls_->has_buffered()) break;
  }
  stalled_ = status == IoStatus::want_read;
  if (stalled_) readable_ = ended_ && total != 0;
  if (total != 0) {
    if (status == IoStatus::closed || status == IoStatus::failed) {
      after_data_ = status;
      readable_ = true;
    }
    return {IoStatus::ok, total};
  }
  if (status == IoStatus::want_write) {
    writable_ = false;
    return {IoStatus::want_read, 0};
  }
  if (status == IoStatus::failed) error_ = tls_->error();
  if (status == IoStatus::closed || status == IoStatus::failed) readable_ = false;
  return {status, 0};
}

std::ptrdiff_t Stream::write_plain(std::string_view first, std::string_view second) {
  // Copying a little costs less than having the kernel gather it.
  constexpr std::size_t gather_from = 4096;
  if (!first.empty() && !second.empty() && first.size() + second.size() < gather_from) {
    thread_local std::string joined;
    joined.assign(first).append(second);
    return write_plain(joined, {});
  }
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = first.empty() ? parts + 1 : parts;
  message.msg_iovlen = first.empty() || second.empty() ? 1 : 2;
  const ssize_t size = message.msg_iovlen == 1
                           ? ::send(fd_, message.msg_iov->iov_base, message.msg_iov->iov_len, MSG_NOSIGNAL)
                           : ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (size >= 0) {
    if (static_cast<std::size_t>(size) < first.size() + second.size()) writable_ = false;
    return size;
  }
  if (would_block(errno) || errno == EINTR) {
    writable_ = false;
    return 0;
  }
  error_ = make_error(errno == ECONNRESET || errno == EPIPE ? "connection_reset" : "connection_failed",
                      system_error("send", errno).message);
  return -1;
}

std::ptrdiff_t Stream::write_tls(std::string_view bytes) {
  std::size_t total = 0;
  while (total < bytes.size()) {
    const IoResult piece = tls_->write(as_bytes(bytes.substr(total)));
    if (piece.status == IoStatus::ok) {
      total += piece.size;
      continue;
    }
    if (piece.status == IoStatus::want_write || piece.status == IoStatus::want_read) {
      writable_ = false;
      break;
    }
    error_ = tls_->error();
    return -1;
  }
  return static_cast<std::ptrdiff_t>(total);
}

bool Stream::send(std::string_view first, std::string_view second) {
  if (blocked()) {
    pending_.append(first).append(second);
    return true;
  }
  std::ptrdiff_t taken = 0;
  if (tls_ == nullptr) {
    taken = write_plain(first, second);
  } else if (second.empty()) {
    taken = write_tls(first);
  } else if (first.empty()) {
    std::swap(first, second);
    taken = write_tls(first);
  } else {
    // One record and one system call for a head with its body.
    thread_local std::string joined;
    joined.assign(first).append(second);
    taken = write_tls(joined);
  }
  if (taken < 0) {
    readable_ = true;  // what the peer said before it closed, or that it did
    return false;
  }
  bytes_written_ += static_cast<std::uint64_t>(taken);
  const auto size = static_cast<std::size_t>(taken);
  if (size < first.size()) {
    pending_.assign(first.substr(size)).append(second);
  } else if (size < first.size() + second.size()) {
    pending_.assign(second.substr(size - first.size()));
  }
  return true;
}

bool Stream::flush() {
  if (pending_.empty()) return true;
  if (!writable_) return true;
  const std::ptrdiff_t taken = tls_ == nullptr ? write_plain(pending_, {}) : write_tls(pending_);
  if (taken < 0) {
    readable_ = true;
    return false;
  }
  bytes_written_ += static_cast<std::uint64_t>(taken);
  if (static_cast<std::size_t>(taken) == pending_.size()) {
    std::string().swap(pending_);
  } else {
    pending_.erase(0, static_cast<std::size_t>(taken));
  }
  return true;
}

int Stream::connect_error() const {
  int error_number = 0;
  socklen_t size = sizeof(error_number);
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) return errno;
  return error_number;
}

void Stream::end_output() {
  if (tls_ != nullptr) {
    tls_->shut_down();
  } else {
    ::shutdown(fd_, SHUT_WR);
  }
}

void Stream::reset_on_close() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

}  // namespace callgate::proxy
