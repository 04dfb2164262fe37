// Checkpoints (c2sp.org/tlog-checkpoint): what a log signs about all of its entries. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "tlog/hash.hpp"
#include "tlog/key.hpp"

namespace callgate::tlog {

struct Checkpoint {
  std::string origin;      // the name of the log, and of the key that signs
  std::uint64_t size = 0;  // entries
  Hash root{};

  // The text of the note: three lines.
  [[nodiscard]] std::string text() const;
  // Error bad_checkpoint for anything that text() would not have written; lines of extension are refused too.
  [[nodiscard]] static Result<Checkpoint> parse(std::string_view text);

  bool operator==(const Checkpoint&) const = default;
};

// The checkpoint of a note that `key` has signed and whose origin is the key's name. Errors as of open_note
// and Checkpoint::parse; wrong_origin.
[[nodiscard]] Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key);
// The same without a look at the signature: for what is compared with something that was verified.
[[nodiscard]] Result<Checkpoint> parse_checkpoint_note(std::string_view note);

}  // namespace callgate::tlog
