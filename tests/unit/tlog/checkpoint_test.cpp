#include "tlog/checkpoint.hpp"

#include <catch2/catch.hpp>

#include "tlog/base64.hpp"
#include "tlog/note.hpp"
#include "tlog/tree.hpp"

using namespace callgate;
using namespace callgate::tlog;

TEST_CASE("a checkpoint comes back from its text as it was") {
  const Checkpoint checkpoint{"example.com/behind-the-sofa", 20852163, leaf_hash({})};
  CHECK(checkpoint.text() == "example.com/behind-the-sofa\n20852163\n" + to_base64(checkpoint.root) + "\n");

  CHECK(Checkpoint::parse(checkpoint.text()).value() == checkpoint);

  const Checkpoint empty{"a", 0, empty_root()};
  CHECK(Checkpoint::parse(empty.text()).value() == empty);
}

TEST_CASE("checkpoints are read strictly") {
  const auto root = to_base64(empty_root());
  REQUIRE(Checkpoint::parse("a\n1\n" + root + "\n").has_value());
  for (const auto& text : std::initializer_list<std::string>{
           "", "a\n", "a\n1\n", "a\n1\n" + root, "\n1\n" + root + "\n", "a\n\n" + root + "\n",
           "a\n01\n" + root + "\n", "a\n+1\n" + root + "\n", "a\n-1\n" + root + "\n", "a\n1 \n" + root + "\n",
           "a\n18446744073709551616\n" + root + "\n", "a\n4611686018427387905\n" + root + "\n",
           "a\n1\n" + root.substr(4) + "\n", "a\n1\n" + root + "\n\n", "a\n1\n" + root + "\nextension\n",
           "a b\n1\n" + root + "\n"}) {
    INFO(text);
    CHECK(Checkpoint::parse(text).error().code == "bad_checkpoint");
  }
}

TEST_CASE("the checkpoint of another log does not pass, though the same key signed it") {
  const auto key = SigningKey::generate().value();
  const Checkpoint checkpoint{"node/2", 3, empty_root()};
  const auto note = sign_note(checkpoint.text(), "node/2", key).value();
  CHECK(open_checkpoint(note, VerifierKey("node/2", key.public_key())).value() == checkpoint);

  CHECK(open_checkpoint(note, VerifierKey("node/1", key.public_key())).error().code == "not_signed");

  const auto foreign = sign_note(checkpoint.text(), "node/1", key).value();
  CHECK(open_checkpoint(foreign, VerifierKey("node/1", key.public_key())).error().code == "wrong_origin");

  CHECK(parse_checkpoint_note(foreign).value() == checkpoint);
}
