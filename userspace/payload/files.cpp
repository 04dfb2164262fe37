#include "payload/files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace callgate::payload {
namespace {

Error expired(std::uint64_t number) {
  return make_error(
      "payload_expired",
      fmt::format("payload file {} is gone: payload is kept as long as retention says", number));
}

}  // namespace

Result<std::unique_ptr<Files>> Files::open(std::string directory) {
  CALLGATE_TRY(make_directories(directory, 0700));
  std::unique_ptr<Files> files(new Files(std::move(directory)));
  std::error_code failure;
  std::filesystem::directory_iterator entries(files->directory_, failure);
  for (const std::filesystem::directory_iterator end; !failure && entries != end;
       entries.increment(failure)) {
    const auto name = parse_file_name(entries->path().filename().string());
    if (name) CALLGATE_TRY(files->add_existing(*name));
  }
  if (failure) return system_error(fmt::format("list {}", files->directory_), failure.value());
  CALLGATE_TRY(files->drop_empty());
  return files;
}

Result<void> Files::add_existing(const FileName& name) {
  auto state = std::make_shared<FileState>();
  state->name = name;
  state->path = fmt::format("{}/{}", directory_, format_file_name(name));
  struct stat status {};
  if (::lstat(state->path.c_str(), &status) != 0)
    return system_error(fmt::format("look at {}", state->path), errno);
  if (!S_ISREG(status.st_mode))
    return make_error("payload_store_damaged", fmt::format("{} is no plain file: move it away", state->path));
  state->size = static_cast<std::uint64_t>(status.st_size);
  state->last_block_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000U +
                         static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  state->closed = true;
  highest_ = std::max(highest_, name.number);
  next_ = highest_ + 1;
  const auto [other, added] = table_.emplace(name.number, state);
  if (added) return {};
  return make_error(
      "payload_store_damaged",
      fmt::format("{} and {} have the same number: move one of them away", other->second->path, state->path));
}

// An empty file holds nothing, but the one with the highest number keeps its number from being given again.
Result<void> Files::drop_empty() {
  for (auto file = table_.begin(); file != table_.end();) {
    const FileState& state = *file->second;
    if (state.size != 0) {
      ++file;
      continue;
    }
    if (state.name.number != highest_ && ::unlink(state.path.c_str()) != 0 && errno != ENOENT)
      return system_error(fmt::format("remove {}", state.path), errno);
    file = table_.erase(file);
  }
  return {};
}

Result<Fd> Files::open_file(std::uint64_t number, std::string& path) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = table_.find(number);
    if (found == table_.end()) return expired(number);
    path = found->second->path;
  }
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return expired(number);
  if (!file) return system_error(fmt::format("open {}", path), errno);
  return file;
}

Result<std::vector<FileInfo>> Files::list() const {
  std::vector<std::shared_ptr<FileState>> states;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, state] : table_)
      states.push_back(state);
  }
  std::vector<FileInfo> files;
  for (const auto& state : states) {
    struct stat status {};
    if (::lstat(state->path.c_str(), &status) != 0) {
      if (errno == ENOENT) continue;
      return system_error(fmt::format("look at {}", state->path), errno);
    }
    const auto blocks = static_cast<std::uint64_t>(status.st_blocks) * 512U;
    files.push_back({state->name.number, state->name.retention,
                     std::min(static_cast<std::uint64_t>(status.st_size), blocks), state->last_block_ns});
  }
  return files;
}

Result<void> Files::remove_file(std::uint64_t number) {
  std::shared_ptr<FileState> state;
  bool is_highest = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = table_.find(number);
    if (found == table_.end()) return expired(number);
    state = found->second;
    if (state->in_batch)
      return make_error("file_in_use", fmt::format("{} is being written: try again", state->path));
    state->closed = true;
    is_highest = number == highest_;
    table_.erase(found);
  }
  Result<void> removed;
  if (is_highest) {
    removed = replace_file(state->path, {}, 0600);
  } else if (::unlink(state->path.c_str()) != 0 && errno != ENOENT) {
    removed = system_error(fmt::format("remove {}", state->path), errno);
  }
  {
    const std::lock_guard lock(mutex_);
    if (!removed) {
      table_.emplace(number, state);
      return removed;
    }
    // What is gone needs not be on disk.
    const auto is_gone = [&](const auto& file) { return file->state == state; };
    unsynced_.erase(std::remove_if(unsynced_.begin(), unsynced_.end(), is_gone), unsynced_.end());
  }
  return sync_directory(directory_);
}

void Files::close_file(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (const auto found = table_.find(number); found != table_.end()) found->second->closed = true;
}

Result<void> Files::sync() {
  const std::lock_guard one_at_a_time(sync_mutex_);
  if (!sync_outcome_) return sync_outcome_;
  std::vector<std::shared_ptr<OpenFile>> files;
  {
    const std::lock_guard lock(mutex_);
    files.swap(unsynced_);
    for (const auto& file : files)
      file->state->unsynced = false;
  }
  for (const auto& file : files) {
    const std::uint64_t size = file->state->size.load(std::memory_order_acquire);
    sync_outcome_ = sync_file(file->out.fd(), file->state->path);
    if (!sync_outcome_) return sync_outcome_;
    file->forgotten = forget_cached(file->out.fd(), file->forgotten, size);
  }
  return {};
}

Result<std::shared_ptr<OpenFile>> Files::reserve(RetentionClass retention) {
  const std::lock_guard lock(mutex_);
  if (next_ >= numbers) {
    return make_error(
        "payload_numbers_used_up",
        fmt::format("{} has had as many files as it can: configure another directory", directory_));
  }
  auto file = std::make_shared<OpenFile>();
  file->state = std::make_shared<FileState>();
  file->state->name = {retention, next_++};
  file->state->path = fmt::format("{}/{}", directory_, format_file_name(file->state->name));
  return file;
}

Result<void> Files::enter(OpenFile& file) {
  if (file.entered) return {};
  if (file.out.fd() < 0) {
    auto out = AppendFile::create(file.state->path);
    if (!out) return out.error();
    file.out = std::move(*out);
  }
  CALLGATE_TRY(sync_directory(directory_));
  file.entered = true;
  file.state->last_block_ns = wall_ns();
  const std::lock_guard lock(mutex_);
  highest_ = std::max(highest_, file.state->name.number);
  table_.emplace(file.state->name.number, file.state);
  return {};
}

bool Files::begin_batch(const OpenFile& file) {
  const std::lock_guard lock(mutex_);
  if (file.state->closed) return false;
  file.state->in_batch = true;
  return true;
}

void Files::end_batch(const std::shared_ptr<OpenFile>& file) {
  FileState& state = *file->state;
  state.last_block_ns.store(wall_ns(), std::memory_order_relaxed);
  state.size.store(file->out.size(), std::memory_order_release);
  const std::lock_guard lock(mutex_);
  state.in_batch = false;
  if (!state.unsynced) unsynced_.push_back(file);
  state.unsynced = true;
}

}  // namespace callgate::payload
