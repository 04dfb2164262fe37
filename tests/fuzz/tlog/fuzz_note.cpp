// Any bytes as a signed note, and as a verifier key: what is accepted has one spelling.
#include <cstdlib>

#include "tlog/base64.hpp"
#include "tlog/note.hpp"

using namespace callgate::tlog;

namespace {

std::string rebuild(const Note& note) {
  std::string text = note.text + "\n";
  for (const auto& signature : note.signatures) {
    std::string bytes;
    for (const unsigned shift : {24U, 16U, 8U, 0U})
      bytes += static_cast<char>(signature.key_id >> shift & 0xffU);
    text += "\xe2\x80\x94 " + signature.name + " " +
            to_base64(callgate::as_bytes(bytes + signature.signature)) + "\n";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = callgate::as_text({data, size});
  if (const auto note = parse_note(text)) {
    if (note->signatures.empty() || note->signatures.size() > signature_limit || rebuild(*note) != text)
      std::abort();
    for (const auto& signature : note->signatures) {
      if (!is_key_name(signature.name)) std::abort();
      // Nobody has signed with this key.
      if (open_note(text, VerifierKey(signature.name, {}))) std::abort();
    }
  } else if (note.error().code != "bad_note") {
    std::abort();
  }
  const auto key = VerifierKey::parse(text);
  if (key && key->text() != text) std::abort();
  return 0;
}
