#include "tlog/proof.hpp"

#include <catch2/catch.hpp>

#include "sample_log.hpp"
#include "tlog/base64.hpp"

using namespace callgate;
using namespace callgate::tlog;
using namespace callgate::tlog::testing;

namespace {

Result<Checkpoint> check(std::string_view text, const VerifierKey& by = verifier) {
  const auto proof = EntryProof::parse(text);
  if (!proof) return proof.error();
  return check_proof(*proof, as_bytes(proof->extra.value_or("")), by);
}

std::string proof_of(const std::string& directory, std::uint64_t index) {
  return make_proof(LogReader::open(directory, verifier).value(), index).value().text();
}

}  // namespace

TEST_CASE("a proof is a text of its own that comes back as it was") {
  const Scratch scratch;
  const auto note = make_log(scratch.path, 300);
  const auto text = proof_of(scratch.path, 299);
  CHECK(text.starts_with("c2sp.org/tlog-proof@v1\nextra " + to_base64(as_bytes(entry_of(299))) +
                         "\nindex 299\n"));
  CHECK(text.ends_with("\n\n" + note));
  const auto proof = EntryProof::parse(text).value();
  CHECK(proof.text() == text);
  CHECK(proof.extra == entry_of(299));
  CHECK(check(text).value().size == 300);
  for (const std::uint64_t index : {0U, 1U, 255U, 256U})
    CHECK(check(proof_of(scratch.path, index)).value().size == 300);
  CHECK(make_proof(LogReader::open(scratch.path, verifier).value(), 300).error().code == "not_found");
}

TEST_CASE("no byte of a proof can be changed, and none left out") {
  const Scratch scratch;
  static_cast<void>(make_log(scratch.path, 5));
  const auto text = proof_of(scratch.path, 2);
  REQUIRE(check(text).has_value());
  for (std::size_t place = 0; place < text.size(); ++place) {
    for (const unsigned bit : {0U, 1U, 5U}) {
      auto changed = text;
      changed[place] = static_cast<char>(static_cast<unsigned char>(changed[place]) ^ (1U << bit));
      INFO("byte " << place << ", bit " << bit);
      CHECK_FALSE(check(changed).has_value());
    }
    CHECK_FALSE(check(text.substr(0, place)).has_value());
  }
}

TEST_CASE("a proof shows one entry at one place of one log") {
  const Scratch scratch;
  static_cast<void>(make_log(scratch.path, 5));
  auto proof = EntryProof::parse(proof_of(scratch.path, 2)).value();
  CHECK(check_proof(proof, as_bytes(entry_of(2)), verifier).has_value());
  CHECK(check_proof(proof, as_bytes(entry_of(3)), verifier).error().code == "bad_proof");
  CHECK(
      check_proof(proof, as_bytes(entry_of(2)), VerifierKey("node.test/2", key.public_key())).error().code ==
      "not_signed");
  proof.index = 3;
  CHECK(check_proof(proof, as_bytes(entry_of(2)), verifier).error().code == "bad_proof");
  proof.index = 2;
  proof.hashes.pop_back();
  CHECK(check_proof(proof, as_bytes(entry_of(2)), verifier).error().code == "bad_proof");
}

TEST_CASE("proofs are read strictly and within bounds") {
  const std::string hash = to_base64(empty_root()) + "\n";
  const std::string start = "c2sp.org/tlog-proof@v1\n";
  REQUIRE(EntryProof::parse(start + "index 0\n\nnote").has_value());
  REQUIRE(EntryProof::parse(start + "extra \nindex 0\n" + hash + "\nnote").value().extra == "");
  std::string many;
  for (int i = 0; i < 65; ++i)
    many += hash;
  for (const auto& text : std::initializer_list<std::string>{
           "",
           start,
           "c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
           "c2sp.org/tlog-proof@v1 \nindex 0\n\nnote",
           start + "index 00\n\nnote",
           start + "index -1\n\nnote",
           start + "index 18446744073709551616\n\nnote",
           start + "index\n\nnote",
           start + "index 0\nextra AAAA\n\nnote",
           start + "extra A\nindex 0\n\nnote",
           start + "extra AAAA\nextra AAAA\nindex 0\n\nnote",
           start + "index 0\nAAAA\n\nnote",
           start + "index 0\n" + hash,
           start + "index 0\n" + hash + "\n",
           start + "index 0\n" + many + "\nnote",
           start + "extra " + std::string(400'000, 'A') + "\nindex 0\n\nnote",
       }) {
    INFO(text.substr(0, 200));
    CHECK(EntryProof::parse(text).error().code == "bad_proof");
  }
}
