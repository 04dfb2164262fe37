// Arbitrary bytes as the beginning of either side: what is needed is always more than there is, and more
// bytes never change what was read.
#include <cstdint>
#include <string_view>

#include "protocol/tls/hello.hpp"

namespace {

using namespace callgate::tls;

template <typename Parse>
void check(std::string_view bytes, Parse parse) {
  const auto whole = parse(bytes);
  const bool decided = whole.hello.has_value() || whole.problem.has_value();
  if (whole.hello && whole.problem) __builtin_trap();
  if (decided != (whole.needed == 0)) __builtin_trap();
  if (!decided && (whole.needed <= bytes.size() || whole.needed > largest_hello)) __builtin_trap();
  for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 64) {
    const auto part = parse(bytes.substr(0, size));
    if (part.hello.has_value() && !whole.hello.has_value()) __builtin_trap();
    if (part.problem.has_value() && !whole.problem.has_value()) __builtin_trap();
    if (part.needed > bytes.size() && decided) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes, read_client_hello);
  check(bytes, read_server_hello);
  if (const auto read = read_client_hello(bytes); read.hello) {
    if (read.hello->server_name.size() > 253) __builtin_trap();
    (void)version_name(read.hello->highest_version());
  }
  return 0;
}
