// Any path and any pattern: the normal form is stable and holds nothing that a normal form must not hold.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/function_pattern.hpp"
#include "policy/path.hpp"

using namespace callgate::policy;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_dot_segment(const std::string& path) {
  const std::string closed = path + "/";
  return closed.find("/../") != std::string::npos || closed.find("/./") != std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.substr(0, text.find('\n'));
  const auto rest = text.substr(std::min(line.size() + 1, text.size()));
  std::string storage;
  const auto path = normalize_path(line, storage);
  PatternFault fault;
  const auto function = parse_function(rest, fault);
  if (!function) require(!fault.message.empty());
  if (!path) return 0;
  const std::string normal(*path);
  require(normal == "*" || normal.front() == '/');
  require(!has_dot_segment(normal));
  require(normal.find('\\') == std::string::npos);
  for (const char c : normal)
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  if (normal != "*") {
    const auto second = second_reading(normal);
    require(!has_second_reading(second));
    require(has_second_reading(normal) || second == normal);
    require(!has_dot_segment(second));
  }
  if (function) static_cast<void>(path_matches(function->path, normal));
  return 0;
}
