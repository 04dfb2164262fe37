#include "cli/cursor_file.hpp"

#include <array>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace callgate::cli {
namespace {

// One line of one length: a write of it replaces the one before at once, and no reader sees a part.
constexpr std::string_view title = "callgate cursor ";
constexpr std::size_t longest_cursor = 47;
constexpr std::size_t line_size = title.size() + longest_cursor + 1;

}  // namespace

Result<CursorFile> CursorFile::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return system_error("open " + path, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock " + path, errno);
    return make_error("busy", path + " is in use by another command: each needs a file of its own");
  }
  CursorFile file(std::move(fd), path);
  std::array<char, line_size + 1> buffer{};
  const auto size = ::pread(file.fd_.get(), buffer.data(), buffer.size(), 0);
  if (size < 0) return system_error("read " + path, errno);
  if (size == 0) return file;
  const std::string_view line(buffer.data(), static_cast<std::size_t>(size));
  if (line.size() != line_size || !line.starts_with(title) || line.back() != '\n') {
    return make_error(
        "invalid", path + " is no cursor file, or a damaged one: name another, or remove it to begin anew");
  }
  const auto cursor = line.substr(title.size(), longest_cursor);
  file.cursor_ = cursor.substr(0, cursor.find(' '));
  return file;
}

Result<void> CursorFile::keep(const std::string& cursor) {
  if (cursor.empty() || cursor.size() > longest_cursor || cursor.find_first_of(" \n") != std::string::npos)
    return make_error("internal", "callgated sent a cursor that is none");
  const auto line = fmt::format("{}{:<{}}\n", title, cursor, longest_cursor);
  const auto written = ::pwrite(fd_.get(), line.data(), line.size(), 0);
  if (written < 0) return system_error("write " + path_, errno);
  if (static_cast<std::size_t>(written) != line.size()) return system_error("write " + path_, ENOSPC);
  cursor_ = cursor;
  return {};
}

}  // namespace callgate::cli
