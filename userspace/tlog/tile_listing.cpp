#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "tlog/tile_files.hpp"

namespace callgate::tlog {
namespace {

constexpr std::size_t most_files = 64U << 20U;

// The number that exactly these decimal digits say.
std::optional<std::uint64_t> read_number(std::string_view digits, std::size_t least_digits) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() < least_digits || problem != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return number;
}

// The tile whose path, in its one spelling, this is.
std::optional<Tile> read_path(const std::filesystem::path& path) {
  std::vector<std::string> parts;
  for (const auto& part : path)
    parts.push_back(part.string());
  if (parts.size() < 3) return std::nullopt;
  Tile tile;
  const auto level = read_number(parts[1], 1);
  if (parts[1] == "entries") {
    tile.level = Tile::entries;
  } else if (level && *level < tile_levels) {
    tile.level = static_cast<int>(*level);
  } else {
    return std::nullopt;
  }
  auto last = parts.size() - 1;
  if (parts[last - 1].ends_with(".p")) {
    const auto width = read_number(parts[last], 1);
    if (!width || *width == 0 || *width >= tile_width) return std::nullopt;
    tile.width = static_cast<unsigned>(*width);
    last -= 1;
    parts[last].resize(parts[last].size() - 2);
  }
  for (std::size_t i = 2; i <= last; ++i) {
    const auto part = std::string_view(parts[i]).substr(i < last && !parts[i].empty() ? 1 : 0);
    const auto number = read_number(part, 3);
    if (!number || *number > 999 || tile.index > most_leaves / 1000) return std::nullopt;
    tile.index = tile.index * 1000 + *number;
  }
  if (tile.path() != path.string()) return std::nullopt;
  return tile;
}

// Nothing where a file went while it was looked at.
Result<std::optional<TileListing>> list_once(const std::string& directory) {
  namespace fs = std::filesystem;
  TileListing listing;
  std::error_code failure;
  const auto top = directory + "/tile";
  fs::recursive_directory_iterator files(top, failure);
  const fs::recursive_directory_iterator end;
  for (std::size_t count = 0; !failure && files != end; files.increment(failure)) {
    if (++count > most_files) {
      return make_error("too_many", fmt::format("{} holds more files than any log does", top));
    }
    const auto path = files->path().string().substr(directory.size() + 1);
    const auto type = files->symlink_status(failure).type();
    if (failure || type == fs::file_type::directory) continue;
    if (const auto tile = read_path(path); tile && type == fs::file_type::regular) {
      listing.tiles.push_back(*tile);
    } else {
      listing.strangers.push_back(path);
    }
  }
  if (failure == std::errc::no_such_file_or_directory) return std::optional<TileListing>();
  if (failure) return system_error(fmt::format("list {}", top), failure.value());
  return std::optional<TileListing>(std::move(listing));
}

}  // namespace

Result<TileListing> list_tiles(const std::string& directory) {
  std::error_code failure;
  if (!std::filesystem::exists(directory + "/tile", failure) && !failure) return TileListing{};
  // A running log removes files of unfinished tiles meanwhile, about once a second.
  constexpr int attempts = 16;
  for (int i = 0; i < attempts; ++i) {
    auto listing = list_once(directory);
    if (!listing) return listing.error();
    if (*listing) return std::move(**listing);
  }
  return make_error("busy", fmt::format("files in {} come and go too quickly; try again", directory));
}

}  // namespace callgate::tlog
