// Text is found at the same places however the bytes are cut into pieces, and each place has the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "inquiry/text_search.hpp"

namespace {

using namespace callgate::inquiry;

std::vector<std::uint64_t> places(const TextPattern& pattern, std::string_view bytes, std::size_t piece) {
  std::vector<std::uint64_t> found;
  TextSearch search(pattern, [&](const TextMatch& match) {
    if (bytes.substr(match.offset, match.match.size()) != match.match) std::abort();
    found.push_back(match.offset);
    return found.size() < 1000;
  });
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!search.feed(at, bytes.substr(at, piece))) return found;
  }
  (void)search.finish();
  return found;
}

}  // namespace

// Input: length of the pieces, length of the text, the text, the bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::size_t piece = data[0] + 1U;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto text = rest.substr(0, data[1] % 16 + 1U);
  const auto pattern = TextPattern::compile(text, false, false);
  if (!pattern) return 0;
  const auto bytes = rest.substr(text.size());
  if (places(*pattern, bytes, piece) != places(*pattern, bytes, std::max<std::size_t>(bytes.size(), 1)))
    std::abort();
  return 0;
}
