#include "tlog/tile_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace callgate::tlog {
namespace {

Error write_error(const std::string& path, int reason) {
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
    return make_error("disk_full", fmt::format("no space to write {}: free space on its file system", path));
  }
  return system_error(fmt::format("write {}", path), reason);
}

Result<void> write_file(const std::string& path, Bytes content) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return write_error(path, errno);
  while (!content.empty()) {
    const ssize_t size = ::write(file.get(), content.data(), content.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return write_error(path, errno);
    content = content.subspan(static_cast<std::size_t>(size));
  }
  // Only a start: so that a checkpoint over many tiles finds most of its work done, and the journal of the
  // file system commits them together.
  (void)::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  return {};
}

Error sync_error(const std::string& path, int reason) {
  return make_error(
      "log_broken",
      fmt::format("{}; what was written since the last checkpoint may be lost: see to the disk, then "
                  "start the agent anew",
                  system_error(fmt::format("sync {}", path), reason).message));
}

Result<void> sync_path(const std::string& path, int flags) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags));
  if (file && ::fsync(file.get()) == 0) return {};
  return sync_error(path, errno);
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::size_t size_limit(const Tile& tile) {
  return tile.level == Tile::entries ? EntryBundle::most_bytes : tile_width * sizeof(Hash);
}

Error missing(const Tile& tile) {
  return make_error("missing", fmt::format("{} is missing", tile.path()));
}

// Widths of the files of an unfinished tile, ascending.
std::vector<unsigned> widths_of(const std::string& directory, Tile tile) {
  tile.width = 1;
  std::vector<unsigned> widths;
  std::error_code failure;
  for (std::filesystem::directory_iterator files(parent_of(directory + "/" + tile.path()), failure), end;
       !failure && files != end; files.increment(failure)) {
    const auto name = files->path().filename().string();
    for (unsigned width = 1; width < tile_width; ++width) {
      if (name == std::to_string(width)) widths.push_back(width);
    }
  }
  std::sort(widths.begin(), widths.end());
  return widths;
}

struct Found {
  Tile tile;
  std::string content;
};

Result<Found> read_exactly(const std::string& directory, const Tile& tile) {
  auto content = read_if_there(directory + "/" + tile.path(), size_limit(tile));
  if (!content) return make_error("tile_damaged", content.error().message);
  if (!*content) return missing(tile);
  return Found{tile, std::move(**content)};
}

bool is_missing(const Result<Found>& found) {
  return !found && found.error().code == "missing";
}

Result<Found> find_once(const std::string& directory, const Tile& tile) {
  auto found = read_exactly(directory, tile);
  if (!is_missing(found) || tile.full()) return found;
  std::vector<unsigned> widths = widths_of(directory, tile);
  widths.push_back(tile_width);
  for (const unsigned width : widths) {
    if (width > tile.width && is_missing(found)) {
      found = read_exactly(directory, {tile.level, tile.index, width});
    }
  }
  return is_missing(found) ? missing(tile) : found;
}

Result<Found> find(const std::string& directory, const Tile& tile) {
  // Between a look at the directory and one at a file, a running log can replace the one by a wider one.
  constexpr int attempts = 4;
  auto found = find_once(directory, tile);
  for (int i = 1; i < attempts && is_missing(found) && !tile.full(); ++i)
    found = find_once(directory, tile);
  return found;
}

Result<std::vector<Hash>> to_hashes(const Found& found) {
  const std::size_t wanted = found.tile.width * sizeof(Hash);
  if (found.content.size() != wanted) {
    return make_error(
        found.content.size() < wanted ? "tile_cut" : "tile_damaged",
        fmt::format("{} has {} bytes and must have {}", found.tile.path(), found.content.size(), wanted));
  }
  std::vector<Hash> hashes(found.tile.width);
  std::memcpy(hashes.data(), found.content.data(), found.content.size());
  return hashes;
}

Result<EntryBundle> to_entries(Found found) {
  auto bundle = EntryBundle::parse(std::move(found.content), found.tile.width);
  if (bundle) return bundle;
  return make_error(bundle.error().code == "entries_cut" ? "tile_cut" : "tile_damaged",
                    fmt::format("{} is damaged: {}", found.tile.path(), bundle.error().message));
}

}  // namespace

Result<std::optional<std::string>> read_if_there(const std::string& path, std::size_t limit) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::optional<std::string>();
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return system_error(fmt::format("open {}", path), errno);
  if (!S_ISREG(status.st_mode)) return make_error("not_a_file", fmt::format("{} is no plain file", path));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > limit) return make_error("too_large", fmt::format("{} is larger than {} bytes", path, limit));
  std::string content(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::read(file.get(), content.data() + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", path), errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  content.resize(have);
  return std::optional<std::string>(std::move(content));
}

Result<std::vector<Hash>> read_hashes_file(const std::string& directory, const Tile& tile) {
  const auto found = read_exactly(directory, tile);
  if (!found) return found.error();
  return to_hashes(*found);
}

Result<EntryBundle> read_entries_file(const std::string& directory, const Tile& tile) {
  auto found = read_exactly(directory, tile);
  if (!found) return found.error();
  return to_entries(std::move(*found));
}

Result<std::vector<Hash>> read_hashes(const std::string& directory, const Tile& tile) {
  const auto found = find(directory, tile);
  if (!found) return found.error();
  return to_hashes(*found);
}

Result<EntryBundle> read_entries(const std::string& directory, const Tile& tile) {
  auto found = find(directory, tile);
  if (!found) return found.error();
  return to_entries(std::move(*found));
}

Result<std::span<const Hash>> TileCache::operator()(const Tile& tile) {
  if (tile != tile_) {
    tile_.width = 0;
    auto read = read_hashes(directory_, tile);
    if (!read) return read.error();
    hashes_ = std::move(*read);
    tile_ = tile;
  }
  return std::span<const Hash>(hashes_);
}

Result<void> TileSink::make_parents(const std::string& path) {
  const auto parent = parent_of(path);
  if (parents_.contains(parent)) return {};
  if (parent.size() > directory_.size()) CALLGATE_TRY(make_parents(parent));
  if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) return write_error(parent, errno);
  // Also where it is there: whoever made it may have died before it was durable.
  directories_.insert(parent_of(parent));
  // The directories of unfinished tiles come and go.
  if (!parent.ends_with(".p")) parents_.insert(parent);
  return {};
}

Result<void> TileSink::write(const Tile& tile, Bytes content) {
  const auto path = directory_ + "/" + tile.path();
  if (!file_system_) file_system_ = Fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file_system_) return system_error(fmt::format("open {}", directory_), errno);
  CALLGATE_TRY(make_parents(path));
  CALLGATE_TRY(write_file(path, content));
  files_.push_back(path);
  directories_.insert(parent_of(path));
  return {};
}

Result<void> TileSink::replace(const std::string& name, std::string_view content) {
  const auto path = directory_ + "/" + name;
  const auto draft = path + ".new";
  CALLGATE_TRY(write_file(draft, as_bytes(content)));
  CALLGATE_TRY(sync_path(draft, 0));
  if (::rename(draft.c_str(), path.c_str()) != 0) return write_error(path, errno);
  return sync_path(directory_, O_DIRECTORY);
}

Result<void> TileSink::sync() {
  // A few milliseconds a file add up: from some number on, everything else that waits for this disk costs
  // less.
  constexpr std::size_t most_single = 64;
  if (files_.size() > most_single) {
    if (::syncfs(file_system_.get()) != 0) return sync_error(directory_, errno);
  } else {
    for (const auto& path : files_)
      CALLGATE_TRY(sync_path(path, 0));
    for (const auto& path : directories_)
      CALLGATE_TRY(sync_path(path, O_DIRECTORY));
  }
  files_.clear();
  directories_.clear();
  return {};
}

Result<void> remove_tile(const std::string& directory, const Tile& tile) {
  const auto path = directory + "/" + tile.path();
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", path), errno);
  if (!tile.full()) ::rmdir(parent_of(path).c_str());
  return {};
}

}  // namespace callgate::tlog
