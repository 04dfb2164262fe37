// Reads what calls carried.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "payload/files.hpp"
#include "payload/key_ring.hpp"
#include "payload/piece.hpp"
#include "payload/piece_list.hpp"

namespace callgate::payload {

struct Query {
  Id call;
  std::uint64_t last = 0;  // what Writer::seal() returned for the call's last block; 0: it has none
  std::optional<Direction> direction;
  std::optional<Kind> kind;
  std::uint64_t limit = ~std::uint64_t{0};  // of bytes; the piece that crosses it is cut
};

// Returns whether to go on. The bytes are valid during the call.
using Visitor = std::function<bool(const PieceView& piece)>;

enum class Visited {
  all,
  cut,      // at the limit
  stopped,  // by the visitor
};

// Shows the pieces that are asked for, in the order in which they were added; bytes of a block only when all
// of the block has verified. A piece may come in several parts. Needs about two megabytes and eight bytes a
// block, however long the call was. Any thread, also while the files are written, erased and removed.
//
// Errors: payload_expired (a file is gone), payload_erased, payload_damaged (changed, torn, or of another
// call), key_missing (the message says which, and where keys are configured), payload_too_long, system
// errors. What was shown before an error is what was written, but not all of it.
[[nodiscard]] Result<Visited> visit(const Files& files, const KeyRing& keys, const Query& query,
                                    const Visitor& visitor);

}  // namespace callgate::payload
