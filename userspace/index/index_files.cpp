#include "index/index_files.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "index/position.hpp"

namespace callgate::index {
namespace {

constexpr std::string_view prefix = "index-";
constexpr std::string_view suffix = ".db";
constexpr std::string_view new_suffix = ".db.new";

// The epoch of a name that database_path() makes, and what follows the name: "", "-wal", ".new".
struct Name {
  std::uint64_t epoch;
  std::string_view rest;
};

std::optional<Name> parse_name(std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = name.substr(prefix.size(), name.find('.') - prefix.size());
  Name parsed{0, {}};
  const char* const end = digits.data() + digits.size();
  const auto number = std::from_chars(digits.data(), end, parsed.epoch);
  if (number.ec != std::errc{} || number.ptr != end || parsed.epoch >= most_epochs) return std::nullopt;
  const std::string whole = fmt::format("{}{}{}", prefix, parsed.epoch, suffix);
  if (!name.starts_with(whole)) return std::nullopt;
  parsed.rest = name.substr(whole.size());
  return parsed;
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", path), errno);
  return {};
}

}  // namespace

std::string database_path(const std::string& directory, std::uint64_t epoch) {
  return fmt::format("{}/{}{}{}", directory, prefix, epoch, suffix);
}

std::string new_database_path(const std::string& directory, std::uint64_t epoch) {
  return fmt::format("{}/{}{}{}", directory, prefix, epoch, new_suffix);
}

Result<std::vector<std::uint64_t>> scan_databases(const std::string& directory) {
  std::vector<std::uint64_t> epochs;
  std::vector<std::uint64_t> unfinished;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(directory, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const auto parsed = parse_name(name);
    if (parsed && parsed->rest.empty()) epochs.push_back(parsed->epoch);
    if (parsed && parsed->rest.starts_with(".new")) unfinished.push_back(parsed->epoch);
  }
  if (failed) return system_error(fmt::format("read {}", directory), failed.value());
  for (const std::uint64_t epoch : unfinished)
    CALLGATE_TRY(remove_database(new_database_path(directory, epoch)));
  std::sort(epochs.begin(), epochs.end());
  return epochs;
}

Result<void> remove_database(const std::string& path) {
  // SQLite makes nothing of a write-ahead log whose database is not there, so that goes first.
  for (const char* const rest : {"", "-wal", "-shm", "-journal"})
    CALLGATE_TRY(remove_file(path + rest));
  return {};
}

Result<void> move_database(const std::string& from, const std::string& to, const std::string& directory) {
  CALLGATE_TRY(remove_database(to));
  if (std::rename(from.c_str(), to.c_str()) != 0) return system_error(fmt::format("rename {}", from), errno);
  const Fd place(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!place || ::fsync(place.get()) != 0) return system_error(fmt::format("sync {}", directory), errno);
  return {};
}

}  // namespace callgate::index
