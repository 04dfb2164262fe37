// Up to 256 entries as they lie in a tile of entries: each behind its length in two bytes, big-endian. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "tlog/hash.hpp"

namespace callgate::tlog {

class EntryBundle {
 public:
  // Bytes of the largest one.
  static constexpr std::size_t most_bytes = 256 * (2 + 65'535);

  EntryBundle();
  // Exactly `width` entries. Errors: entries_cut says how many are whole; bad_entries where more follows.
  [[nodiscard]] static Result<EntryBundle> parse(std::string bytes, unsigned width);

  // At most 256 entries of at most 65,535 bytes; the caller sees to that.
  void append(Bytes entry);
  void clear();

  [[nodiscard]] unsigned size() const { return static_cast<unsigned>(ends_.size()); }
  [[nodiscard]] Bytes entry(unsigned index) const;
  [[nodiscard]] Bytes bytes() const { return as_bytes(bytes_); }
  // The bytes of the first `width` entries.
  [[nodiscard]] Bytes first_bytes(unsigned width) const;

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;  // of each entry in bytes_
};

}  // namespace callgate::tlog
