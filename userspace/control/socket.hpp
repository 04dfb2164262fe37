// The listening Unix socket of the control API, and its place in the file system.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::control {

class ListeningSocket {
 public:
  // See Server::start for what is demanded of `path`, and ServerOptions for `group`. Errors: in_use, exists,
  // unsafe_directory, too_long, system errors.
  [[nodiscard]] static Result<ListeningSocket> open(const std::string& path, std::optional<gid_t> group);

  ListeningSocket(ListeningSocket&&) = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  // Removes the file if it is still this socket's.
  ~ListeningSocket();

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  ListeningSocket(Fd socket, std::string path, dev_t device, ino_t inode)
      : socket_(std::move(socket)), path_(std::move(path)), device_(device), inode_(inode) {}

  Fd socket_;
  std::string path_;
  dev_t device_;
  ino_t inode_;
};

// A connection to the socket at `path`. Errors: agent_unreachable, denied, too_long, system errors.
[[nodiscard]] Result<Fd> connect_to(const std::string& path);

}  // namespace callgate::control
