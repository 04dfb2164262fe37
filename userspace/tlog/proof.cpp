#include "tlog/proof.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "tlog/base64.hpp"
#include "tlog/note.hpp"

namespace callgate::tlog {
namespace {

constexpr std::string_view first_line = "c2sp.org/tlog-proof@v1\n";
constexpr std::string_view extra_start = "extra ";
constexpr std::string_view index_start = "index ";
constexpr std::size_t most_hashes = 64;
constexpr std::size_t text_limit = note_limit + (longest_entry * 3 / 2) + most_hashes * 64;

Error bad_proof(std::string_view why) {
  return make_error("bad_proof",
                    fmt::format("the text is no proof of an entry (c2sp.org/tlog-proof@v1): {}", why));
}

// The rest of the next line where that begins with `start`.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view start) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(start)) return std::nullopt;
  const auto line = text.substr(start.size(), end - start.size());
  text.remove_prefix(end + 1);
  return line;
}

std::optional<std::uint64_t> read_index(std::string_view digits) {
  std::uint64_t index = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (problem != std::errc() || end != digits.data() + digits.size() || std::to_string(index) != digits) {
    return std::nullopt;
  }
  return index;
}

}  // namespace

std::string EntryProof::text() const {
  std::string text(first_line);
  if (extra) text += fmt::format("{}{}\n", extra_start, to_base64(as_bytes(*extra)));
  text += fmt::format("{}{}\n", index_start, index);
  for (const auto& hash : hashes)
    text += to_base64(hash) + "\n";
  return text + "\n" + checkpoint_note;
}

Result<EntryProof> EntryProof::parse(std::string_view text) {
  if (text.size() > text_limit) return bad_proof(fmt::format("it is larger than {} bytes", text_limit));
  EntryProof proof;
  const auto head = take_line(text, first_line.substr(0, first_line.size() - 1));
  if (!head || !head->empty()) return bad_proof("its first line is another one");
  if (const auto extra = take_line(text, extra_start)) {
    auto bytes = from_base64(*extra);
    if (!bytes) return bad_proof("its `extra` is no base64");
    proof.extra = std::move(*bytes);
  }
  const auto digits = take_line(text, index_start);
  const auto index = digits ? read_index(*digits) : std::nullopt;
  if (!index) return bad_proof("it has no line `index` with a number");
  proof.index = *index;
  for (;;) {
    const auto line = take_line(text, "");
    if (!line) return bad_proof("no empty line stands before its checkpoint");
    if (line->empty()) break;
    const auto bytes = from_base64(*line);
    Hash hash;
    if (!bytes || bytes->size() != hash.size())
      return bad_proof("one of its lines is not the base64 of a hash");
    if (proof.hashes.size() == most_hashes) return bad_proof("it has more hashes than any tree has levels");
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    proof.hashes.push_back(hash);
  }
  if (text.empty()) return bad_proof("it has no checkpoint");
  proof.checkpoint_note = text;
  return proof;
}

Result<EntryProof> make_proof(const LogReader& log, std::uint64_t index) {
  auto entry = log.entry(index);
  if (!entry) return entry.error();
  auto hashes = log.prove_inclusion(index);
  if (!hashes) return hashes.error();
  return EntryProof{std::move(*entry), index, std::move(*hashes), log.checkpoint_note()};
}

Result<Checkpoint> check_proof(const EntryProof& proof, Bytes entry, const VerifierKey& key) {
  auto checkpoint = open_checkpoint(proof.checkpoint_note, key);
  if (!checkpoint) return checkpoint.error();
  CALLGATE_TRY(
      check_inclusion(proof.hashes, proof.index, checkpoint->size, leaf_hash(entry), checkpoint->root));
  return checkpoint;
}

}  // namespace callgate::tlog
