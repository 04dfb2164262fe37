#include "kernel/netlink.hpp"

#include <cstring>

#include <catch2/catch.hpp>

using namespace callgate::kernel;

namespace {

std::vector<std::uint8_t> attribute(std::uint16_t type, std::vector<std::uint8_t> value) {
  const auto length = static_cast<std::uint16_t>(4 + value.size());
  std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(length >> 8),
                                  static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(type >> 8)};
  bytes.insert(bytes.end(), value.begin(), value.end());
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

std::vector<std::pair<std::uint16_t, std::size_t>> read(const std::vector<std::uint8_t>& bytes) {
  std::vector<std::pair<std::uint16_t, std::size_t>> found;
  for_each_attribute(bytes, [&](std::uint16_t type, std::span<const std::uint8_t> value) {
    found.emplace_back(type, value.size());
  });
  return found;
}

}  // namespace

TEST_CASE("attributes are read one after the other, with their padding") {
  auto bytes = attribute(3, {'l', 'o', 0});
  const auto second = attribute(5 | NLA_F_NESTED, {1, 2, 3, 4});
  bytes.insert(bytes.end(), second.begin(), second.end());
  CHECK(read(bytes) == std::vector<std::pair<std::uint16_t, std::size_t>>{{3, 3}, {5, 4}});
}

TEST_CASE("a malformed attribute ends the reading, and nothing is read beyond the end") {
  const auto good = attribute(1, {1, 2, 3, 4});
  for (std::size_t size = 0; size < good.size(); ++size) {
    const std::vector<std::uint8_t> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(read(cut).empty());
  }
  auto too_short = good;
  too_short[0] = 3;
  CHECK(read(too_short).empty());
}

TEST_CASE("a request carries its own length") {
  const std::uint8_t family[1] = {0};
  NetlinkRequest request(RTM_GETNSID, 0, family);
  request.add(1, 42);
  nlmsghdr header{};
  std::memcpy(&header, request.bytes().data(), sizeof(header));
  CHECK(header.nlmsg_len == request.bytes().size());
  CHECK(header.nlmsg_len == sizeof(nlmsghdr) + 4 + 8);
  CHECK((header.nlmsg_flags & NLM_F_REQUEST) != 0);
}
