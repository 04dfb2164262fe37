#include "tlog/note.hpp"

#include <fmt/format.h>

#include "tlog/base64.hpp"
#include "tlog/utf8.hpp"

namespace callgate::tlog {
namespace {

constexpr std::string_view signature_start = "\xe2\x80\x94 ";  // an em dash

Error bad_note(std::string_view why) {
  return make_error("bad_note", fmt::format("the text is no signed note: {}", why));
}

bool is_note_text(std::string_view text) {
  while (!text.empty()) {
    const auto character = take_character(text);
    if (!character || (*character < 0x20 && *character != '\n')) return false;
  }
  return true;
}

Result<NoteSignature> parse_signature(std::string_view line) {
  if (!line.starts_with(signature_start)) return bad_note("a line of a signature begins with an em dash");
  line.remove_prefix(signature_start.size());
  const auto name = line.substr(0, line.find(' '));
  if (name.size() == line.size() || !is_key_name(name)) return bad_note("a signature has no proper name");
  auto bytes = from_base64(line.substr(name.size() + 1));
  if (!bytes || bytes->size() < 5) return bad_note("a signature is not the base64 of one");
  NoteSignature signature{std::string(name), 0, bytes->substr(4)};
  for (const char byte : bytes->substr(0, 4))
    signature.key_id = signature.key_id << 8U | static_cast<std::uint8_t>(byte);
  return signature;
}

}  // namespace

Result<std::string> sign_note(std::string_view text, std::string_view name, const SigningKey& key) {
  if (text.empty() || text.back() != '\n' || text.size() > note_limit / 2 || !is_note_text(text)) {
    return bad_note("it has to be lines of UTF-8 without control characters");
  }
  if (!is_key_name(name)) {
    return make_error("bad_name",
                      fmt::format("`{}` is no name for a key: it is empty, too long or not UTF-8, or "
                                  "holds a space or `+`",
                                  name));
  }
  const auto signature = key.sign(as_bytes(text));
  if (!signature) return signature.error();
  const auto id = VerifierKey(std::string(name), key.public_key()).id();
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    bytes += static_cast<char>(id >> shift & 0xffU);
  bytes += as_text(*signature);
  return fmt::format("{}\n{}{} {}\n", text, signature_start, name, to_base64(as_bytes(bytes)));
}

Result<Note> parse_note(std::string_view note) {
  if (note.size() > note_limit) return bad_note(fmt::format("it is larger than {} bytes", note_limit));
  if (!is_note_text(note)) return bad_note("it is not UTF-8, or holds control characters");
  const auto end = note.rfind("\n\n");
  if (end == std::string_view::npos) return bad_note("no empty line stands before its signatures");
  auto lines = note.substr(end + 2);
  if (lines.empty() || lines.back() != '\n') return bad_note("its last line is not a whole signature");
  Note parsed{std::string(note.substr(0, end + 1)), {}};
  while (!lines.empty()) {
    if (parsed.signatures.size() == signature_limit) return bad_note("it has too many signatures");
    const auto line = lines.substr(0, lines.find('\n'));
    auto signature = parse_signature(line);
    if (!signature) return signature.error();
    parsed.signatures.push_back(std::move(*signature));
    lines.remove_prefix(line.size() + 1);
  }
  return parsed;
}

Result<std::string> open_note(std::string_view note, const VerifierKey& key) {
  auto parsed = parse_note(note);
  if (!parsed) return parsed.error();
  bool found = false;
  for (const auto& signature : parsed->signatures) {
    if (signature.name != key.name() || signature.key_id != key.id()) continue;
    if (!key.verify(as_bytes(parsed->text), as_bytes(signature.signature))) {
      return make_error("bad_signature", fmt::format("the signature of {} is wrong", key.name()));
    }
    found = true;
  }
  if (found) return std::move(parsed->text);
  return make_error(
      "not_signed",
      fmt::format("the note is not signed by the key {}+{:08x} (but by {}+{:08x})", key.name(), key.id(),
                  parsed->signatures.front().name, parsed->signatures.front().key_id));
}

}  // namespace callgate::tlog
