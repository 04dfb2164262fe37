// Arbitrary bytes as a segment of the journal. What follows a damaged place is left out; a new segment can be
// begun. Checksums would keep a fuzzer outside, so those of batches that are otherwise whole are set right
// first.
#include <cstring>
#include <vector>

#include "base/crc32c.hpp"
#include "record/journal.hpp"
#include "scratch.hpp"

namespace {

using namespace callgate;
using namespace callgate::record;

constexpr std::size_t header_size = 40;

void mend(std::vector<std::uint8_t>& bytes) {
  for (std::size_t at = 0; bytes.size() - at >= header_size;) {
    std::uint32_t content = 0;
    std::memcpy(&content, &bytes[at + 32], sizeof(content));
    const std::uint64_t size = std::uint64_t{header_size} + content;
    if (size > bytes.size() - at) return;
    const std::uint32_t checksum = crc32c(Bytes(bytes).subspan(at + 8, static_cast<std::size_t>(size) - 8));
    std::memcpy(&bytes[at + 4], &checksum, sizeof(checksum));
    at += static_cast<std::size_t>(size);
  }
}

class Counting final : public JournalReader {
 public:
  Result<void> batch(const Batch& batch) override {
    bytes += batch.content.size();
    return {};
  }
  void damaged(const std::string&, std::uint64_t skipped) override { bytes += skipped; }
  std::size_t bytes = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  scratch.clear();
  std::vector<std::uint8_t> bytes(data, data + size);
  if (size > 0 && data[size - 1] % 2 == 0) mend(bytes);
  scratch.write("journal-1.log", bytes);
  auto journal = Journal::open({scratch.path(), 1U << 20U});
  if (!journal) __builtin_trap();
  Counting counting;
  if (!(*journal)->replay(counting) || counting.bytes > size) __builtin_trap();
  if (!(*journal)->start_segment("snapshot", 1)) __builtin_trap();
  return 0;
}
