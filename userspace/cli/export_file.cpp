#include "cli/export_file.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace callgate::cli {
namespace {

// What a signal handler can reach: the name of the unfinished file.
std::array<char, 4096> unfinished{};

extern "C" void remove_unfinished(int signal) {
  if (unfinished[0] != '\0') ::unlink(unfinished.data());
  ::_exit(128 + signal);
}

Error already_there(const std::string& path) {
  return make_error("exists", path + " is there already: name another file, or add --force to replace it");
}

}  // namespace

ExportFile::ExportFile(std::string path, std::string temporary, bool replace)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      replace_(replace),
      stream_(temporary_, std::ios::binary | std::ios::trunc) {}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      replace_(other.replace_),
      stream_(std::move(other.stream_)) {}

ExportFile::~ExportFile() {
  if (temporary_.empty()) return;
  ::unlink(temporary_.c_str());
  unfinished[0] = '\0';
}

Result<ExportFile> ExportFile::create(const std::string& path, bool replace) {
  struct stat existing {};
  if (!replace && ::lstat(path.c_str(), &existing) == 0) return already_there(path);
  std::string temporary = path + ".XXXXXX";
  if (temporary.size() >= unfinished.size()) return make_error("invalid", "the name of the file is too long");
  const Fd made(::mkstemp(temporary.data()));
  if (made.get() < 0) return system_error("make a file beside " + path, errno);
  std::memcpy(unfinished.data(), temporary.c_str(), temporary.size() + 1);
  std::signal(SIGINT, remove_unfinished);
  std::signal(SIGTERM, remove_unfinished);
  return ExportFile(path, std::move(temporary), replace);
}

Result<void> ExportFile::commit() {
  stream_.close();
  if (!stream_) {
    return make_error("write_failed", "the export could not be written beside " + path_ +
                                          ": is the disk full? Nothing was left there");
  }
  const Fd file(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) return system_error("put " + path_ + " on disk", errno);
  if (replace_) {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("rename to " + path_, errno);
    temporary_.clear();
    unfinished[0] = '\0';
    return {};
  }
  // A link does not replace what somebody made meanwhile; the destructor removes the other name.
  if (::link(temporary_.c_str(), path_.c_str()) == 0) return {};
  return errno == EEXIST ? already_there(path_) : system_error("make " + path_, errno);
}

}  // namespace callgate::cli
