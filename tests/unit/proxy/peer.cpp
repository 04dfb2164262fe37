#include "peer.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace callgate::test {
namespace {

constexpr int patience_ms = 5'000;

bool wait_readable(int fd, int timeout) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, timeout) > 0;
}

}  // namespace

Peer::Peer(Fd socket) : socket_(std::move(socket)) {
  const timeval patience{patience_ms / 1000, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

void Peer::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (size <= 0) FAIL("send: " << std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

std::size_t Peer::send_some(std::string_view text) {
  const ssize_t size = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

bool Peer::fill() {
  if (!wait_readable(socket_.get(), patience_ms)) FAIL("nothing came in time; so far: " << received_);
  std::array<char, 65536> buffer;
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size > 0) {
    received_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }
  reset_ = size < 0;
  return false;
}

std::string Peer::read_until(std::string_view end) {
  for (;;) {
    const std::size_t found = received_.find(end);
    if (found != std::string::npos) {
      std::string text = received_.substr(0, found + end.size());
      received_.erase(0, text.size());
      return text;
    }
    if (!fill()) FAIL("the connection ended before `" << end << "`; so far: " << received_);
  }
}

std::string Peer::read_exactly(std::size_t size) {
  while (received_.size() < size) {
    if (!fill()) FAIL("the connection ended early; so far: " << received_);
  }
  std::string text = received_.substr(0, size);
  received_.erase(0, size);
  return text;
}

std::string Peer::read_to_end() {
  while (fill()) {
  }
  if (reset_) FAIL("the connection was reset; so far: " << received_);
  return std::exchange(received_, {});
}

std::string Peer::read_response() {
  std::string text = read_until("\r\n\r\n");
  const std::size_t field = text.find("Content-Length: ");
  if (field != std::string::npos) text += read_exactly(std::stoul(text.substr(field + 16)));
  return text;
}

bool Peer::ends_with_reset() {
  while (fill()) {
  }
  return reset_;
}

bool Peer::fails_with_reset() {
  pollfd poll{.fd = socket_.get(), .events = 0, .revents = 0};
  if (::poll(&poll, 1, patience_ms) != 1) return false;
  int error_number = 0;
  socklen_t size = sizeof(error_number);
  REQUIRE(::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error_number, &size) == 0);
  return error_number == EPIPE || error_number == ECONNRESET;
}

bool Peer::is_silent() {
  return received_.empty() && !wait_readable(socket_.get(), 0);
}

bool Peer::readable_within(std::chrono::milliseconds time) {
  return !received_.empty() || wait_readable(socket_.get(), static_cast<int>(time.count()));
}

void Peer::end_output() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void Peer::reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  socket_.reset();
}

Listener::Listener(int receive_buffer) : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer != 0) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(socket.get(), 128) == 0);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ::ntohs(address.sin_port);
}

Peer Listener::accept() {
  if (!wait_readable(socket.get(), patience_ms)) FAIL("nobody connected");
  return Peer(Fd(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

bool Listener::has_connection() {
  return wait_readable(socket.get(), 0);
}

}  // namespace callgate::test
