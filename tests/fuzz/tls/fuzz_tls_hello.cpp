// Arbitrary bytes as the beginning of either side: however they are split, the answer is the same, comes at
// the same byte, and costs no more than looking at each byte twice.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "protocol/tls/client_hello.hpp"
#include "protocol/tls/server_hello.hpp"
#include "protocol/tls/version.hpp"

namespace {

using namespace callgate::tls;

// Sizes of pieces that repeat on no boundary: 1 to 2^bits bytes, from a linear congruential generator.
class Pieces {
 public:
  Pieces(std::uint32_t seed, unsigned bits) : state_(seed), bits_(bits) {}
  std::size_t next() {
    state_ = state_ * 1664525U + 1013904223U;
    return 1 + (state_ >> (32U - bits_));
  }

 private:
  std::uint32_t state_;
  unsigned bits_;
};

template <typename Reader>
void check_split(const Reader& fresh, std::string_view bytes, Pieces pieces) {
  Reader whole = fresh;
  const auto expected = whole.feed(bytes);
  Reader reader = fresh;
  auto read = reader.feed({});
  while (!bytes.empty() && !read.hello && !read.problem) {
    const std::size_t size = std::min(pieces.next(), bytes.size());
    read = reader.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  if (!(read == expected) || reader.size() != whole.size()) __builtin_trap();
  if (reader.examined() != whole.examined()) __builtin_trap();
}

template <typename Reader>
auto check(const Reader& fresh, std::string_view bytes) {
  Reader whole = fresh;
  auto read = whole.feed(bytes);
  if (read.hello && read.problem) __builtin_trap();
  if (!read.hello && !read.problem && whole.size() != bytes.size()) __builtin_trap();
  if (whole.size() > bytes.size() || whole.size() > largest_hello) __builtin_trap();
  if (whole.examined() > 2 * whole.size()) __builtin_trap();
  const auto seed = static_cast<std::uint32_t>(bytes.size());
  for (const unsigned bits : {1U, 3U, 6U, 12U})
    check_split(fresh, bytes, Pieces(seed, bits));
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto read = check(ClientHelloReader(), bytes); read.hello) {
    if (read.hello->server_name.size() > 253) __builtin_trap();
    (void)version_name(read.hello->highest_version());
    const ClientHelloReader second(*read.hello);
    // A hello changes nothing of itself.
    if (check(second, bytes).hello != read.hello) __builtin_trap();
    ClientHelloReader first;
    (void)first.feed(bytes);
    (void)check(second, bytes.substr(first.size()));
  }
  const ClientHello nothing;
  (void)check(ClientHelloReader(nothing), bytes);
  ServerHelloReader first;
  const auto answer = first.feed(bytes);
  (void)check(ServerHelloReader(), bytes);
  if (answer.hello && answer.hello->retry) {
    if (answer.hello->version < version_1_3) __builtin_trap();
    const auto next = check(ServerHelloReader(*answer.hello), bytes.substr(first.size()));
    if (next.hello && next.hello->retry) __builtin_trap();
    const std::uint16_t version = next.hello ? next.hello->version : 0;
    if (version != 0 && version != answer.hello->version) __builtin_trap();
  }
  return 0;
}
