#include "transport/socket_io.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <openssl/bio.h>
#include <sys/socket.h>

namespace callgate::transport {

struct ThreadBuffers {
  std::array<std::uint8_t, 196608> input;
  std::size_t input_begin = 0;
  std::size_t input_end = 0;
  SocketIo* input_owner = nullptr;
  std::vector<std::uint8_t> output;
};

namespace {

// Room for four full records (what one write() encrypts) and for what a handshake needs.
constexpr std::size_t output_limit = 80U << 10U;
constexpr std::size_t first_bytes_limit = 80;

std::shared_ptr<ThreadBuffers> buffers_of_thread() {
  thread_local const auto buffers = std::make_shared<ThreadBuffers>();
  return buffers;
}

int bio_read(BIO* bio, char* target, int size) {
  BIO_clear_retry_flags(bio);
  const int moved = static_cast<SocketIo*>(BIO_get_data(bio))->take(target, size);
  if (moved == SocketIo::would_block) BIO_set_retry_read(bio);
  return moved;
}

int bio_write(BIO* bio, const char* source, int size) {
  BIO_clear_retry_flags(bio);
  const int moved = static_cast<SocketIo*>(BIO_get_data(bio))->put(source, size);
  if (moved == SocketIo::would_block) BIO_set_retry_write(bio);
  return moved;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<SocketIo*>(BIO_get_data(bio))->saw_end() ? 1 : 0;
  return 0;
}

BIO_METHOD* make_method() {
  BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "callgate socket");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_ctrl(method, bio_control);
  return method;
}

}  // namespace

SocketIo::SocketIo(Fd socket) : socket_(std::move(socket)), shared_(buffers_of_thread()) {}

SocketIo::~SocketIo() {
  if (shared_->input_owner == this) shared_->input_owner = nullptr;
}

bio_st* SocketIo::make_bio() {
  static BIO_METHOD* const method = make_method();  // lives as long as the process
  BIO* const bio = method != nullptr ? BIO_new(method) : nullptr;
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

std::size_t SocketIo::buffered() const {
  if (!input_.empty()) return input_.size() - input_begin_;
  return shared_->input_owner == this ? shared_->input_end - shared_->input_begin : 0;
}

int SocketIo::take(char* target, int size) {
  if (size <= 0) return 0;
  if (not_tls_) return broken;
  if (!input_.empty()) return take_spilled(target, size);
  if (buffered() == 0) {
    const int received = receive();
    if (received <= 0) return received;
  }
  const auto count = std::min(static_cast<std::size_t>(size), shared_->input_end - shared_->input_begin);
  std::memcpy(target, shared_->input.data() + shared_->input_begin, count);
  shared_->input_begin += count;
  if (shared_->input_begin == shared_->input_end) shared_->input_owner = nullptr;
  return static_cast<int>(count);
}

int SocketIo::take_spilled(char* target, int size) {
  const auto count = std::min(static_cast<std::size_t>(size), input_.size() - input_begin_);
  std::memcpy(target, input_.data() + input_begin_, count);
  input_begin_ += count;
  if (input_begin_ == input_.size()) {
    std::vector<std::uint8_t>().swap(input_);
    input_begin_ = 0;
  }
  return static_cast<int>(count);
}

void SocketIo::claim_shared_input() {
  if (SocketIo* const owner = shared_->input_owner; owner != nullptr && owner != this) {
    owner->input_.assign(shared_->input.data() + shared_->input_begin,
                         shared_->input.data() + shared_->input_end);
    owner->input_begin_ = 0;
  }
  shared_->input_owner = nullptr;
}

int SocketIo::receive() {
  if (saw_end_) return 0;
  if (receive_error_ != 0) return broken;
  if (!may_receive_) return would_block;
  // What was written may be what the peer waits for before it answers.
  flush();
  claim_shared_input();
  ssize_t size = 0;
  do {
    size = ::recv(socket_.get(), shared_->input.data(), shared_->input.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return would_block;
    receive_error_ = errno;
    return broken;
  }
  if (size == 0) {
    saw_end_ = true;
    return 0;
  }
  const auto count = static_cast<std::size_t>(size);
  if (received_ < 2) check_first_bytes(shared_->input.data(), count);
  received_ += count;
  if (not_tls_) return broken;
  shared_->input_owner = this;
  shared_->input_begin = 0;
  shared_->input_end = count;
  return 1;
}

// A TLS server answers with a handshake or an alert record, whose version starts with 3 (RFC 8446,
// section 5.1). Judging the first two bytes tells a plaintext peer at once, where OpenSSL would wait for a
// whole record head.
void SocketIo::check_first_bytes(const std::uint8_t* bytes, std::size_t size) {
  const auto text = reinterpret_cast<const char*>(bytes);
  first_bytes_.append(text, std::min(size, first_bytes_limit));
  const auto at = [this](std::size_t index) { return static_cast<std::uint8_t>(first_bytes_[index]); };
  if (at(0) != 0x15 && at(0) != 0x16) not_tls_ = true;
  if (first_bytes_.size() > 1 && at(1) != 3) not_tls_ = true;
  if (!not_tls_ && first_bytes_.size() > 1) std::string().swap(first_bytes_);
}

int SocketIo::put(const char* source, int size) {
  if (size <= 0) return 0;
  if (send_error_ != 0) return size;  // reported by flush(); what the peer sent before may still be read
  const auto count = static_cast<std::size_t>(size);
  auto& output = shared_->output;
  if (!output_.empty() || output.size() + count > output_limit) {
    if (flush() == Flush::blocked) return would_block;
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(source);
  if (output.capacity() < output_limit) output.reserve(output_limit);
  output.insert(output.end(), bytes, bytes + count);
  return size;
}

SocketIo::Flush SocketIo::flush() {
  auto& fresh = shared_->output;
  bool blocked = false;
  const auto send_from = [&](const std::vector<std::uint8_t>& bytes, std::size_t& begin) {
    while (send_error_ == 0 && !blocked && begin < bytes.size()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data() + begin, bytes.size() - begin, MSG_NOSIGNAL);
      if (sent >= 0) {
        begin += static_cast<std::size_t>(sent);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        blocked = true;
      } else if (errno != EINTR) {
        send_error_ = errno;
      }
    }
  };
  send_from(output_, output_begin_);
  std::size_t fresh_begin = 0;
  send_from(fresh, fresh_begin);
  if (send_error_ != 0) {
    fresh.clear();
    std::vector<std::uint8_t>().swap(output_);
    output_begin_ = 0;
    return Flush::broken;
  }
  if (output_begin_ == output_.size()) {
    std::vector<std::uint8_t>().swap(output_);
    output_begin_ = 0;
  }
  output_.insert(output_.end(), fresh.begin() + static_cast<std::ptrdiff_t>(fresh_begin), fresh.end());
  fresh.clear();
  return output_.empty() ? Flush::done : Flush::blocked;
}

}  // namespace callgate::transport
