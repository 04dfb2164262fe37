// Preloaded into a program, keeps a copy of what would survive the end of the machine: of each file below a
// directory the content as of its last sync, under the names that its directory had at that directory's last
// sync. What was written but not synced is not in the copy, nor is a name that no sync made durable. New
// directories count as durable, as they are on every journalling file system once something in them was
// synced.
//
//   DURABLE_ROOT    the directory
//   DURABLE_COPY    where the copy is: files/<inode>, and tree/ with symbolic links to them
//   DURABLE_DELAY_MS   each sync and each write takes that long, as on a slow disk
//   DURABLE_FAIL    while this file exists, each sync fails with EIO
//
// Each file of the copy is replaced at once, so that it is whole whenever the program is killed.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

using Sync = int (*)(int);

std::mutex mutex;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string path_of(int fd) {
  std::error_code failure;
  const auto target = fs::read_symlink("/proc/self/fd/" + std::to_string(fd), failure);
  return failure ? std::string() : target.string();
}

// The path within the root, or nothing.
fs::path inside(const std::string& path) {
  const std::string root = variable("DURABLE_ROOT");
  if (root.empty() || path.compare(0, root.size(), root) != 0) return {};
  return fs::path(path).lexically_relative(root);
}

std::string content_file(ino_t inode) {
  return variable("DURABLE_COPY") + "/files/" + std::to_string(inode);
}

void copy_file(const std::string& from, ino_t inode) {
  fs::create_directories(variable("DURABLE_COPY") + "/files");
  const std::string place = content_file(inode);
  fs::copy_file(from, place + ".new", fs::copy_options::overwrite_existing);
  fs::rename(place + ".new", place);
}

void copy_names(const std::string& directory, const fs::path& within) {
  const fs::path copy = fs::path(variable("DURABLE_COPY")) / "tree" / within;
  fs::create_directories(copy);
  for (const auto& entry : fs::directory_iterator(copy)) {
    if (entry.is_symlink() && !fs::exists(fs::path(directory) / entry.path().filename()))
      fs::remove(entry.path());
  }
  for (const auto& entry : fs::directory_iterator(directory)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const std::string content = content_file(status.st_ino);
    if (!fs::exists(content)) std::ofstream(content).flush();  // a name without content
    const fs::path link = copy / entry.path().filename();
    const fs::path fresh = link.string() + ".link";
    fs::create_symlink(content, fresh);
    fs::rename(fresh, link);
  }
}

void note(int fd) {
  const std::string path = path_of(fd);
  const fs::path within = inside(path);
  struct stat status {};
  if (within.empty() || ::fstat(fd, &status) != 0) return;
  const std::lock_guard lock(mutex);
  try {
    if (S_ISDIR(status.st_mode)) {
      fs::create_directories(variable("DURABLE_COPY") + "/files");
      copy_names(path, within);
    } else if (status.st_nlink > 0) {
      copy_file(path, status.st_ino);
    }
  } catch (const std::exception& failure) {
    // A copy that is wrong would let tests pass that should not.
    std::fprintf(stderr, "durable: %s\n", failure.what());
    std::abort();
  }
}

void delay() {
  const std::string time = variable("DURABLE_DELAY_MS");
  if (!time.empty()) ::usleep(static_cast<useconds_t>(std::stoul(time) * 1000));
}

// Pipes, sockets and the log are as fast as ever.
void delay_write(int fd) {
  if (!variable("DURABLE_DELAY_MS").empty() && !inside(path_of(fd)).empty()) delay();
}

template <typename Function>
Function original(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int sync_with(const char* function, int fd) {
  const std::string fail = variable("DURABLE_FAIL");
  if (!inside(path_of(fd)).empty()) {
    if (!fail.empty() && ::access(fail.c_str(), F_OK) == 0) {
      errno = EIO;
      return -1;
    }
    delay();
  }
  const int result = original<Sync>(function)(fd);
  if (result == 0) note(fd);
  return result;
}

}  // namespace

extern "C" int fsync(int fd) {
  return sync_with("fsync", fd);
}
extern "C" int fdatasync(int fd) {
  return sync_with("fdatasync", fd);
}
extern "C" ssize_t write(int fd, const void* bytes, size_t size) {
  delay_write(fd);
  return original<ssize_t (*)(int, const void*, size_t)>("write")(fd, bytes, size);
}
extern "C" ssize_t writev(int fd, const iovec* parts, int count) {
  delay_write(fd);
  return original<ssize_t (*)(int, const iovec*, int)>("writev")(fd, parts, count);
}
extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  delay_write(fd);
  return original<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite")(fd, bytes, size, offset);
}
