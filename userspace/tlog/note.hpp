// Signed notes (c2sp.org/signed-note): a text, an empty line, and lines of signatures. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tlog/key.hpp"

namespace callgate::tlog {

inline constexpr std::size_t note_limit = 128U << 10U;  // bytes
inline constexpr std::size_t signature_limit = 100;     // signatures of one note

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  std::string signature;  // bytes, at least one
};

// What a note says before anybody has looked at its signatures.
struct Note {
  std::string text;  // ends with a line feed
  std::vector<NoteSignature> signatures;
};

// The note of a text (lines that each end with a line feed, none of them a signature) under one signature.
[[nodiscard]] Result<std::string> sign_note(std::string_view text, std::string_view name,
                                            const SigningKey& key);
// Error bad_note for anything that is not exactly a signed note.
[[nodiscard]] Result<Note> parse_note(std::string_view note);
// The text of a note that `key` has signed; signatures of others are overlooked. Errors: bad_note;
// not_signed where the key's is missing; bad_signature where it is wrong.
[[nodiscard]] Result<std::string> open_note(std::string_view note, const VerifierKey& key);

}  // namespace callgate::tlog
