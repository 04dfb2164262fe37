#include "node/directory_watch.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <sys/inotify.h>
#include <unistd.h>

namespace callgate::node {
namespace {

constexpr std::uint32_t file_events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB;

}  // namespace

DirectoryWatch::DirectoryWatch(Loop& loop, std::string directory, std::chrono::milliseconds quiet,
                               std::function<void()> changed)
    : loop_(loop), directory_(std::move(directory)), quiet_(quiet), changed_(std::move(changed)) {
  while (directory_.size() > 1 && directory_.back() == '/')
    directory_.pop_back();
}

Result<void> DirectoryWatch::start() {
  inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return system_error("start inotify", errno);
  ::inotify_add_watch(inotify_.get(), directory_.c_str(), file_events);
  const std::string parent = std::filesystem::path(directory_).parent_path().string();
  parent_watch_ = ::inotify_add_watch(inotify_.get(), parent.c_str(),
                                      IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM);
  watch_ = loop_.when_readable(inotify_.get(), [this] { on_events(); });
  return {};
}

void DirectoryWatch::stop() {
  settle_ = {};
  watch_ = {};
  inotify_.reset();
}

void DirectoryWatch::on_events() {
  alignas(inotify_event) char buffer[16384];
  const std::string name = std::filesystem::path(directory_).filename().string();
  bool relevant = false;
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer, sizeof(buffer));
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof(event));
      if (event.wd != parent_watch_ || event.len == 0) {
        relevant = true;
      } else if (name == buffer + at + sizeof(event)) {
        // The directory itself came or went: watch the one that is there now.
        ::inotify_add_watch(inotify_.get(), directory_.c_str(), file_events);
        relevant = true;
      }
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
  if (relevant) settle_ = loop_.after(quiet_, changed_);
}

}  // namespace callgate::node
