#include "base/append_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace callgate {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::size_t least_direct = 256U << 10U;  // smaller writes are cheaper through the page cache

// Whether `bytes`, which belong at `offset`, lie so that most of them can go past the page cache.
bool lies_for_direct(const iovec& bytes, std::uint64_t offset) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.iov_base);
  return bytes.iov_len >= least_direct && address % page == offset % page;
}

Error write_error(const std::string& path, int reason) {
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
    return make_error("disk_full", fmt::format("no space to write {}: free space on its file system", path));
  }
  return system_error(fmt::format("write {}", path), reason);
}

}  // namespace

Result<AppendFile> AppendFile::open(const std::string& path) {
  return open_with(path, 0);
}

Result<AppendFile> AppendFile::create(const std::string& path) {
  return open_with(path, O_EXCL);
}

Result<AppendFile> AppendFile::open_with(const std::string& path, int flags) {
  AppendFile file;
  file.path_ = path;
  file.fd_ = Fd(::open(path.c_str(), flags | O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.fd_ && errno == EEXIST) return make_error("exists", fmt::format("{} exists already", path));
  if (!file.fd_) return write_error(path, errno);
  struct stat status {};
  if (::fstat(file.fd_.get(), &status) != 0) return system_error(fmt::format("look at {}", path), errno);
  if (!S_ISREG(status.st_mode)) return make_error("not_a_file", fmt::format("{} is no plain file", path));
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

// Asks for space ahead, in large steps: writing into it costs about half of what it costs to find it page by
// page.
void AppendFile::reserve(std::uint64_t more) {
  constexpr std::uint64_t least = 64U << 10U;
  constexpr std::uint64_t most = 8U << 20U;
  if (size_ < least || size_ + more <= reserved_) return;
  const std::uint64_t wanted = more + std::min(size_, most);
  // Where there is no such space, or no such call, the write itself tells.
  (void)::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size_), static_cast<off_t>(wanted));
  reserved_ = size_ + wanted;
}

void AppendFile::trim() {
  // Where this fails, a few megabytes stay reserved.
  if (reserved_ > size_ && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) == 0) reserved_ = 0;
}

// Writes some of `pieces`, of which at least one is not empty, to `offset`, the end of the file.
ssize_t AppendFile::write_some(std::span<const iovec> pieces, std::uint64_t offset) {
  if (direct_works_ && lies_for_direct(pieces.front(), offset)) {
    void* const from = pieces.front().iov_base;
    const std::uint64_t past = offset % page;
    if (past != 0) return ::write(fd_.get(), from, page - past);
    if (set_direct(true)) {
      const ssize_t put = ::write(fd_.get(), from, pieces.front().iov_len / page * page);
      const int reason = errno;
      set_direct(false);
      if (put >= 0 || reason != EINVAL) {
        errno = reason;
        return put;
      }
      direct_works_ = false;  // not on this file system
    }
  }
  std::size_t count = 1;
  for (std::uint64_t end = offset + pieces.front().iov_len; count < pieces.size() && count < IOV_MAX;
       ++count) {
    if (direct_works_ && lies_for_direct(pieces[count], end)) break;
    end += pieces[count].iov_len;
  }
  return ::writev(fd_.get(), pieces.data(), static_cast<int>(count));
}

bool AppendFile::set_direct(bool on) {
  const int flags = O_APPEND | (on ? O_DIRECT : 0);
  if (::fcntl(fd_.get(), F_SETFL, flags) == 0) return true;
  direct_works_ = false;
  return false;
}

Result<void> AppendFile::append(std::vector<iovec>& pieces) {
  if (torn_) CALLGATE_TRY(truncate(size_));
  std::uint64_t more = 0;
  for (const iovec& piece : pieces)
    more += piece.iov_len;
  reserve(more);
  dirty_ = true;
  std::uint64_t written = 0;
  std::size_t first = 0;
  while (first < pieces.size()) {
    const ssize_t put = write_some(std::span(pieces).subspan(first), size_ + written);
    if (put < 0) {
      if (errno == EINTR) continue;
      const Error error = write_error(path_, errno);
      torn_ = written > 0;
      if (torn_ && !truncate(size_)) return error;
      return error;
    }
    written += static_cast<std::uint64_t>(put);
    auto left = static_cast<std::size_t>(put);
    while (first < pieces.size() && left >= pieces[first].iov_len)
      left -= pieces[first++].iov_len;
    if (left > 0) {
      pieces[first].iov_base = static_cast<std::uint8_t*>(pieces[first].iov_base) + left;
      pieces[first].iov_len -= left;
    }
  }
  size_ += written;
  return {};
}

Result<void> AppendFile::append(Bytes bytes) {
  std::vector<iovec> pieces{{const_cast<std::uint8_t*>(bytes.data()), bytes.size()}};
  return append(pieces);
}

Result<void> AppendFile::truncate(std::uint64_t size) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    return system_error(fmt::format("cut {} to {} bytes", path_, size), errno);
  }
  torn_ = false;
  size_ = size;
  reserved_ = 0;
  forgotten_ = std::min(forgotten_, size_);
  dirty_ = true;
  return {};
}

Result<void> AppendFile::sync() {
  if (!dirty_) return {};
  CALLGATE_TRY(sync_file(fd_.get(), path_));
  dirty_ = false;
  return {};
}

void AppendFile::forget() {
  if (dirty_ || size_ <= forgotten_) return;
  forgotten_ = forget_cached(fd_.get(), forgotten_, size_);
}

Result<void> sync_file(int fd, const std::string& path) {
  if (::fdatasync(fd) != 0) return write_error(path, errno);
  return {};
}

std::uint64_t forget_cached(int fd, std::uint64_t from, std::uint64_t to) {
  // Only advice: where it is not followed, nothing is wrong.
  if (::posix_fadvise(fd, static_cast<off_t>(from), static_cast<off_t>(to - from), POSIX_FADV_DONTNEED) != 0)
    return from;
  // The last page is still being filled.
  return to & ~std::uint64_t{4095};
}

Result<void> read_at(int fd, std::span<std::uint8_t> to, std::uint64_t offset, const std::string& path) {
  while (!to.empty()) {
    const ssize_t got = ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error(fmt::format("read {}", path), errno);
    }
    if (got == 0)
      return make_error("short_file", fmt::format("{} ends before byte {}", path, offset + to.size()));
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<void> sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return system_error(fmt::format("sync {}", path), errno);
  return {};
}

Result<std::vector<std::uint64_t>> list_numbered(const std::string& directory, std::string_view prefix,
                                                 std::string_view suffix) {
  std::vector<std::uint64_t> numbers;
  std::error_code failure;
  std::filesystem::directory_iterator entries(directory, failure);
  const std::filesystem::directory_iterator end;
  for (; !failure && entries != end; entries.increment(failure)) {
    const std::string name = entries->path().filename().string();
    if (name.size() <= prefix.size() + suffix.size() || name.compare(0, prefix.size(), prefix) != 0 ||
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
      continue;
    }
    std::uint64_t number = 0;
    const char* const last = name.data() + name.size() - suffix.size();
    const auto [stopped, problem] = std::from_chars(name.data() + prefix.size(), last, number);
    if (problem == std::errc() && stopped == last) numbers.push_back(number);
  }
  if (failure) return system_error(fmt::format("list {}", directory), failure.value());
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace callgate
