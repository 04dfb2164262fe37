#include "tlog/checkpoint.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "tlog/base64.hpp"
#include "tlog/note.hpp"
#include "tlog/tree.hpp"

namespace callgate::tlog {
namespace {

Error bad_checkpoint(std::string_view why) {
  return make_error("bad_checkpoint", fmt::format("the text is no checkpoint of a log: {}", why));
}

// The next line without its end; the text is left as it was where there is no whole one.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return {};
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string Checkpoint::text() const {
  return fmt::format("{}\n{}\n{}\n", origin, size, to_base64(root));
}

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  Checkpoint checkpoint;
  checkpoint.origin = take_line(text);
  if (!is_key_name(checkpoint.origin)) return bad_checkpoint("its first line is not the name of a log");
  const auto size = take_line(text);
  const auto [end, problem] = std::from_chars(size.data(), size.data() + size.size(), checkpoint.size);
  if (size.empty() || problem != std::errc() || end != size.data() + size.size() ||
      (size.size() > 1 && size.front() == '0') || checkpoint.size > most_leaves) {
    return bad_checkpoint("its second line is not a number of entries");
  }
  const auto root = from_base64(take_line(text));
  if (!root || root->size() != checkpoint.root.size()) {
    return bad_checkpoint("its third line is not the base64 of a hash");
  }
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  if (!text.empty()) return bad_checkpoint("something follows its third line");
  return checkpoint;
}

Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key) {
  const auto text = open_note(note, key);
  if (!text) return text.error();
  auto checkpoint = Checkpoint::parse(*text);
  if (checkpoint && checkpoint->origin != key.name()) {
    return make_error("wrong_origin", fmt::format("the checkpoint is of the log {}, and not of {}",
                                                  checkpoint->origin, key.name()));
  }
  return checkpoint;
}

Result<Checkpoint> parse_checkpoint_note(std::string_view note) {
  const auto parsed = parse_note(note);
  if (!parsed) return parsed.error();
  return Checkpoint::parse(parsed->text);
}

}  // namespace callgate::tlog
