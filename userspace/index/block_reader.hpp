// The columns of one block, read as they are asked for.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/block.hpp"
#include "index/epoch_file.hpp"
#include "index/piece.hpp"
#include "index/position.hpp"

namespace callgate::index {

// Where a block is: in memory, or in a file. Never changes.
struct BlockPlace {
  std::uint64_t epoch = 0;
  Summary summary;
  std::shared_ptr<const Block> memory;  // shared with the writer, who lets go of it when it is stored
  std::shared_ptr<EpochFile> file;      // where it is not in memory; shared with the index, which may drop it

  [[nodiscard]] Position position(std::uint64_t distance) const {
    return make_position(epoch, summary.first + distance);
  }
};

// One thread; of one query. Errors: those of EpochFile.
class BlockReader {
 public:
  explicit BlockReader(const BlockPlace& place) : place_(place) {}

  [[nodiscard]] const BlockPlace& place() const { return place_; }
  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(place_.summary.rows); }
  // Valid as long as the reader.
  [[nodiscard]] Result<const Numbers*> numbers(Number column);
  [[nodiscard]] Result<const Texts*> texts(Text column);

 private:
  struct TextColumn {
    std::string bytes;
    Texts texts;
  };
  [[nodiscard]] Result<std::string> piece(std::size_t number) const;

  const BlockPlace& place_;
  std::array<std::optional<Numbers>, number_count> numbers_;
  std::array<std::unique_ptr<TextColumn>, text_count> texts_;
};

}  // namespace callgate::index
