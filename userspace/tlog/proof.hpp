// Proofs that an entry is in a log, each complete in itself (c2sp.org/tlog-proof). Pure but for make_proof.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "tlog/checkpoint.hpp"
#include "tlog/reader.hpp"
#include "tlog/tree.hpp"

namespace callgate::tlog {

struct EntryProof {
  // What the proof says of itself: here the entry. Nothing vouches for it but the check.
  std::optional<std::string> extra;
  std::uint64_t index = 0;
  Proof hashes;
  std::string checkpoint_note;

  [[nodiscard]] std::string text() const;
  // Error bad_proof for anything that text() would not have written. The checkpoint is not looked into.
  [[nodiscard]] static Result<EntryProof> parse(std::string_view text);
};

// With the entry in it. Errors as of LogReader.
[[nodiscard]] Result<EntryProof> make_proof(const LogReader& log, std::uint64_t index);

// That `entry` is in the log of `key`, at the index of the proof. Returns the checkpoint that proves it.
// Errors: bad_proof; those of open_checkpoint.
[[nodiscard]] Result<Checkpoint> check_proof(const EntryProof& proof, Bytes entry, const VerifierKey& key);

}  // namespace callgate::tlog
