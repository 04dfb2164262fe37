#include "payload/format.hpp"

#include <charconv>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "base/crc32c.hpp"

namespace callgate::payload {
namespace {

constexpr std::string_view prefix = "payload-";
constexpr std::string_view suffix = ".log";

template <typename Header>
std::uint32_t checksum_of(const Header& header) {
  static_assert(std::is_trivially_copyable_v<Header>);
  constexpr std::size_t skipped = offsetof(Header, checksum) + sizeof(header.checksum);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&header);
  return crc32c(Bytes(bytes + skipped, sizeof(Header) - skipped));
}

template <typename Header>
std::optional<Header> parse(Bytes bytes, FrameType type, FrameType erased) {
  Header header{};
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.type != type && header.type != erased) return std::nullopt;
  if (header.checksum != checksum_of(header)) return std::nullopt;
  return header;
}

}  // namespace

void set_checksum(BlockHeader& header) {
  header.checksum = checksum_of(header);
}

void set_checksum(KeyHeader& header) {
  header.checksum = checksum_of(header);
}

std::optional<BlockHeader> parse_block_header(Bytes bytes) {
  auto header = parse<BlockHeader>(bytes, FrameType::block, FrameType::erased_block);
  if (!header) return std::nullopt;
  const bool fits =
      header->codec == Codec::raw ? header->stored == header->plain : header->stored < header->plain;
  if (header->plain > largest_plain || !fits) return std::nullopt;
  if (header->codec > Codec::zstd_words) return std::nullopt;
  return header;
}

std::optional<KeyHeader> parse_key_header(Bytes bytes) {
  return parse<KeyHeader>(bytes, FrameType::key, FrameType::erased_key);
}

std::string format_file_name(const FileName& name) {
  return fmt::format("{}{}-{}{}", prefix, name.retention, name.number, suffix);
}

std::optional<FileName> parse_file_name(std::string_view text) {
  if (text.size() <= prefix.size() + suffix.size() || text.substr(0, prefix.size()) != prefix)
    return std::nullopt;
  FileName name;
  const char* const end = text.data() + text.size();
  const auto [dash, bad_class] = std::from_chars(text.data() + prefix.size(), end, name.retention);
  if (bad_class != std::errc() || dash == end || *dash != '-') return std::nullopt;
  const auto [rest, bad_number] = std::from_chars(dash + 1, end, name.number);
  if (bad_number != std::errc() || name.number == 0 || name.number >= numbers) return std::nullopt;
  if (format_file_name(name) != text) return std::nullopt;
  return name;
}

}  // namespace callgate::payload
