#include "base/file.hpp"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace callgate {
namespace {

constexpr int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Result<std::string> read_all(int fd, std::size_t size_limit, std::string_view name) {
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t size = ::read(fd, buffer, sizeof(buffer));
    if (size < 0) {
      if (errno == EINTR) continue;
      return system_error(fmt::format("read {}", name), errno);
    }
    if (size == 0) return content;
    if (content.size() + static_cast<std::size_t>(size) > size_limit) {
      return make_error("too_large", fmt::format("{} is larger than {} bytes", name, size_limit));
    }
    content.append(buffer, static_cast<std::size_t>(size));
  }
}

Result<void> write_all(int fd, std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const ssize_t size = ::write(fd, content.data(), content.size());
    if (size < 0) {
      if (errno == EINTR) continue;
      return system_error(fmt::format("write {}", name), errno);
    }
    content.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

Result<void> sync_parent(const std::string& path) {
  auto parent = std::filesystem::path(path).parent_path();
  if (parent.empty()) parent = ".";
  const Fd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    return system_error(fmt::format("sync {}", parent.string()), errno);
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view content, mode_t mode) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) {
    if (errno == EEXIST) return make_error("exists", fmt::format("{} exists already", path));
    return system_error(fmt::format("create {}", path), errno);
  }
  auto written = write_all(file.get(), content, path);
  if (written && ::fchmod(file.get(), mode) != 0)
    written = system_error(fmt::format("chmod {}", path), errno);
  if (written && ::fsync(file.get()) != 0) written = system_error(fmt::format("sync {}", path), errno);
  if (!written) ::unlink(path.c_str());
  return written;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t size_limit) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error(fmt::format("open {}", path), errno);
  return read_all(file.get(), size_limit, path);
}

Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  CALLGATE_TRY(write_new_file(temporary, content, mode));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    return system_error(fmt::format("rename {} to {}", temporary, path), reason);
  }
  return sync_parent(path);
}

Result<void> create_file(const std::string& path, std::string_view content, mode_t mode) {
  CALLGATE_TRY(write_new_file(path, content, mode));
  return sync_parent(path);
}

Result<void> make_directories(const std::string& path, mode_t mode) {
  const std::filesystem::path whole(path);
  std::filesystem::path part;
  for (const auto& name : whole) {
    part /= name;
    if (name == "/" || name.empty()) continue;
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return system_error(fmt::format("create directory {}", part.string()), errno);
    }
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(whole, ignored)) {
    return make_error("not_a_directory", fmt::format("{} is not a directory", path));
  }
  return {};
}

Result<Fd> make_sealed_memory(const char* name, std::string_view content) {
  Fd memory(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return system_error("memfd_create", errno);
  CALLGATE_TRY(write_all(memory.get(), content, name));
  if (::fcntl(memory.get(), F_ADD_SEALS, all_seals) != 0) return system_error("seal memory", errno);
  return memory;
}

Result<std::string> read_sealed_memory(int fd, std::size_t size_limit) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & all_seals) != all_seals) {
    return make_error("not_sealed", "a snapshot arrived in memory that its sender could still change");
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("fstat", errno);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > size_limit)
    return make_error("too_large", fmt::format("a snapshot of {} bytes is over the limit", size));
  if (size == 0) return std::string();
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) return system_error("mmap", errno);
  std::string content(static_cast<const char*>(mapped), size);
  ::munmap(mapped, size);
  return content;
}

}  // namespace callgate
