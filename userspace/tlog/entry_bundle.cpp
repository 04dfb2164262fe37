#include "tlog/entry_bundle.hpp"

#include <fmt/format.h>

#include "tlog/tile.hpp"

namespace callgate::tlog {
namespace {

constexpr std::size_t length_size = 2;

}  // namespace

static_assert(EntryBundle::most_bytes == tile_width * (length_size + longest_entry));

EntryBundle::EntryBundle() {
  ends_.reserve(tile_width);
}

Result<EntryBundle> EntryBundle::parse(std::string bytes, unsigned width) {
  EntryBundle bundle;
  std::size_t place = 0;
  while (bundle.size() < width) {
    if (bytes.size() - place < length_size) break;
    const auto high = static_cast<std::uint8_t>(bytes[place]);
    const auto low = static_cast<std::uint8_t>(bytes[place + 1]);
    const std::size_t size = std::size_t{high} << 8U | low;
    if (bytes.size() - place - length_size < size) break;
    place += length_size + size;
    bundle.ends_.push_back(static_cast<std::uint32_t>(place));
  }
  if (bundle.size() < width) {
    return make_error("entries_cut", fmt::format("it ends in the middle: {} of its {} entries are whole",
                                                 bundle.size(), width));
  }
  if (place != bytes.size()) {
    return make_error("bad_entries",
                      fmt::format("{} bytes follow its {} entries", bytes.size() - place, width));
  }
  bundle.bytes_ = std::move(bytes);
  return bundle;
}

void EntryBundle::append(Bytes entry) {
  bytes_ += static_cast<char>(entry.size() >> 8U);
  bytes_ += static_cast<char>(entry.size() & 0xffU);
  bytes_ += as_text(entry);
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

void EntryBundle::clear() {
  bytes_.clear();
  ends_.clear();
}

Bytes EntryBundle::entry(unsigned index) const {
  const std::size_t first = (index == 0 ? 0 : ends_[index - 1]) + length_size;
  return bytes().subspan(first, ends_[index] - first);
}

Bytes EntryBundle::first_bytes(unsigned width) const {
  return bytes().first(width == 0 ? 0 : ends_[width - 1]);
}

}  // namespace callgate::tlog
