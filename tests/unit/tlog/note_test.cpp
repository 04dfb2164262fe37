#include "tlog/note.hpp"

#include <catch2/catch.hpp>

#include "tlog/base64.hpp"

using namespace callgate;
using namespace callgate::tlog;

namespace {

// The example in the documentation of Go's sumdb/note.
const std::string foreign_key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const std::string foreign_text =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
const std::string foreign_note =
    foreign_text +
    "\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

}  // namespace

TEST_CASE("a note that another implementation signed opens with its key") {
  const auto key = VerifierKey::parse(foreign_key).value();
  CHECK(key.text() == foreign_key);

  CHECK(open_note(foreign_note, key).value() == foreign_text);
}

TEST_CASE("no byte of a signed note can be changed") {
  const auto key = VerifierKey::parse(foreign_key).value();
  for (std::size_t place = 0; place < foreign_note.size(); ++place) {
    for (const unsigned bit : {0U, 1U, 5U, 7U}) {
      auto changed = foreign_note;
      changed[place] = static_cast<char>(static_cast<unsigned char>(changed[place]) ^ (1U << bit));
      INFO("byte " << place << ", bit " << bit);
      CHECK_FALSE(open_note(changed, key).has_value());
    }
  }
  for (std::size_t size = 0; size < foreign_note.size(); ++size)
    CHECK_FALSE(open_note(foreign_note.substr(0, size), key).has_value());
}

TEST_CASE("what is signed opens, beside signatures of others and not without one's own") {
  const auto key = SigningKey::generate().value();
  const VerifierKey verifier("node.test/1", key.public_key());
  const auto note = sign_note("a\n\nb\n", "node.test/1", key).value();
  CHECK(open_note(note, verifier).value() == "a\n\nb\n");

  const auto others = foreign_note.substr(foreign_text.size() + 1);
  CHECK(open_note(note + others, verifier).value() == "a\n\nb\n");

  CHECK(open_note(note + others, VerifierKey::parse(foreign_key).value()).error().code == "bad_signature");

  CHECK(open_note(note, VerifierKey::parse(foreign_key).value()).error().code == "not_signed");

  // The same name with another key is another signer.
  CHECK(
      open_note(note, VerifierKey("node.test/1", SigningKey::generate().value().public_key())).error().code ==
      "not_signed");
}

TEST_CASE("what is no text of a note, or no name of a key, is not signed") {
  const auto key = SigningKey::generate().value();
  for (const std::string text : {"", "no end", "tab\t\n", "\xff\n", "\xc0\x80\n", "\xed\xa0\x80\n"})
    CHECK(sign_note(text, "a", key).error().code == "bad_note");

  for (const std::string name : {"", "a b", "a+b", "a\xc2\xa0", "\xe2\x80\xa8", "\xff", "a\n"})
    CHECK(sign_note("a\n", name, key).error().code == "bad_name");

  CHECK(sign_note("a\n", "knoten.example/größe", key).has_value());
}

TEST_CASE("notes are read strictly and within bounds") {
  const auto end = foreign_note.substr(foreign_text.size() + 1);
  for (const auto& note :
       {std::string(), std::string("\n\n"), foreign_text, foreign_text + "\n", foreign_note + "\n",
        foreign_note + "x\n", end, foreign_text + "\n- a AAAAAAAA\n", foreign_text + "\n— a AAAAAA==\n",
        foreign_text + "\n— a AAAA AAAA\n", foreign_text + "\n—  AAAAAAAA\n", foreign_text + "\n— a\n",
        std::string(note_limit, 'a') + "\n\n" + end}) {
    CHECK(parse_note(note).error().code == "bad_note");
  }
  std::string many = foreign_text + "\n";
  for (std::size_t i = 0; i < signature_limit; ++i)
    many += "— a AAAAAAAA\n";
  CHECK(parse_note(many).value().signatures.size() == signature_limit);

  CHECK(parse_note(many + "— a AAAAAAAA\n").error().code == "bad_note");
}

TEST_CASE("base64 has one spelling") {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string bytes(size, '\xf7');
    CHECK(from_base64(to_base64(as_bytes(bytes))).value() == bytes);
  }
  for (const auto* const text : {"A", "AA", "AAA", "A===", "AB==", "AAB=", "AA==AAAA", " AAAA", "AAAA\n",
                                 "AA-_", "AA=A", "====", "AAAA===="})
    CHECK(from_base64(text).error().code == "bad_base64");
}
