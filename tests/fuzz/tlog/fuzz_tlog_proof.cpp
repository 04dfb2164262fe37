// Any bytes as the proof of an entry: what is accepted has one spelling, and shows nothing without a
// signature.
#include <cstdlib>

#include "base/bytes.hpp"
#include "tlog/proof.hpp"

using namespace callgate::tlog;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = callgate::as_text({data, size});
  const auto proof = EntryProof::parse(text);
  if (!proof) {
    if (proof.error().code != "bad_proof") std::abort();
    return 0;
  }
  if (proof->text() != text || proof->hashes.size() > 64) std::abort();
  const auto checkpoint = parse_checkpoint_note(proof->checkpoint_note);
  if (!checkpoint) return 0;
  if (check_proof(*proof, {}, VerifierKey(checkpoint->origin, {}))) std::abort();
  // The arithmetic with numbers and hashes that somebody chose.
  static_cast<void>(
      check_inclusion(proof->hashes, proof->index, checkpoint->size, leaf_hash({}), checkpoint->root));
  static_cast<void>(
      check_consistency(proof->hashes, proof->index, leaf_hash({}), checkpoint->size, checkpoint->root));
  return 0;
}
