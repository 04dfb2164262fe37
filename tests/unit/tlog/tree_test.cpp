// The arithmetic of trees against the recursive definitions of RFC 6962, section 2.1.
#include "tlog/tree.hpp"

#include <bit>
#include <map>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "tlog/tile.hpp"

using namespace callgate;
using namespace callgate::tlog;

namespace {

Hash leaf(std::uint64_t index) {
  return leaf_hash(as_bytes("entry " + std::to_string(index)));
}

std::uint64_t half_of(std::uint64_t size) {
  std::uint64_t k = 1;
  while (k * 2 < size)
    k *= 2;
  return k;
}

// MTH, PATH and SUBPROOF as the RFC writes them.
class Definition {
 public:
  Hash root(std::uint64_t first, std::uint64_t size) {
    if (size == 0) return sha256({});
    if (size == 1) return leaf(first);
    const auto known = roots_.find({first, size});
    if (known != roots_.end()) return known->second;
    const auto k = half_of(size);
    const auto hash = node_hash(root(first, k), root(first + k, size - k));
    if (std::has_single_bit(size)) roots_[{first, size}] = hash;
    return hash;
  }
  Proof path(std::uint64_t index, std::uint64_t first, std::uint64_t size) {
    if (size == 1) return {};
    const auto k = half_of(size);
    Proof proof = index < k ? path(index, first, k) : path(index - k, first + k, size - k);
    proof.push_back(index < k ? root(first + k, size - k) : root(first, k));
    return proof;
  }
  Proof subproof(std::uint64_t old, std::uint64_t first, std::uint64_t size, bool known) {
    if (old == size) return known ? Proof{} : Proof{root(first, size)};
    const auto k = half_of(size);
    Proof proof = old <= k ? subproof(old, first, k, known) : subproof(old - k, first + k, size - k, false);
    proof.push_back(old <= k ? root(first + k, size - k) : root(first, k));
    return proof;
  }

 private:
  std::map<std::pair<std::uint64_t, std::uint64_t>, Hash> roots_;
};

Definition definition;

// As the tree of `size` leaves would answer; asking for a subtree that it has not in full fails the test.
HashReader reader(std::uint64_t size) {
  return [size](unsigned level, std::uint64_t index) -> Result<Hash> {
    REQUIRE(level < 63);
    REQUIRE(((index + 1) << level) <= size);
    return definition.root(index << level, std::uint64_t{1} << level);
  };
}

void check_proofs(std::uint64_t index, std::uint64_t size) {
  INFO("entry " << index << " of " << size);
  const auto root = definition.root(0, size);
  const auto proof = inclusion_proof(index, size, reader(size)).value();
  REQUIRE(proof == definition.path(index, 0, size));

  REQUIRE(check_inclusion(proof, index, size, leaf(index), root));

  const auto old_root = definition.root(0, index + 1);
  const auto consistency = consistency_proof(index + 1, size, reader(size)).value();
  REQUIRE(consistency == definition.subproof(index + 1, 0, size, true));

  REQUIRE(check_consistency(consistency, index + 1, old_root, size, root));
}

// Every hash of a proof, its number and the numbers that it is for are part of what it shows.
void check_refusals(std::uint64_t index, std::uint64_t size) {
  INFO("entry " << index << " of " << size);
  const auto root = definition.root(0, size);
  const auto old_root = definition.root(0, index + 1);
  const auto flipped = [](Hash hash) {
    hash[7] ^= 1U;
    return hash;
  };
  const auto refused = [](const Result<void>& result) {
    return !result && result.error().code == "bad_proof";
  };
  auto proof = inclusion_proof(index, size, reader(size)).value();
  auto consistency = consistency_proof(index + 1, size, reader(size)).value();
  CHECK(refused(check_inclusion(proof, index, size, flipped(leaf(index)), root)));

  CHECK(refused(check_inclusion(proof, index, size, leaf(index), flipped(root))));

  CHECK(refused(check_inclusion(proof, size, size, leaf(index), root)));

  if (size > 1) {
    CHECK(refused(check_inclusion(proof, (index + 1) % size, size, leaf(index), root)));

    CHECK(refused(check_inclusion({}, index, size, leaf(index), root)));
  }
  CHECK(refused(check_consistency(consistency, index + 1, flipped(old_root), size, root)));

  CHECK(refused(check_consistency(consistency, index + 1, old_root, size, flipped(root))));

  for (std::size_t i = 0; i < proof.size(); ++i) {
    auto wrong = proof;
    wrong[i] = flipped(wrong[i]);
    CHECK(refused(check_inclusion(wrong, index, size, leaf(index), root)));
  }
  for (std::size_t i = 0; i < consistency.size(); ++i) {
    auto wrong = consistency;
    wrong[i] = flipped(wrong[i]);
    CHECK(refused(check_consistency(wrong, index + 1, old_root, size, root)));
  }
  proof.push_back(root);
  CHECK(refused(check_inclusion(proof, index, size, leaf(index), root)));

  consistency.push_back(root);
  CHECK(refused(check_consistency(consistency, index + 1, old_root, size, root)));
}

}  // namespace

TEST_CASE("hashes are those that RFC 6962 and its test vectors say") {
  CHECK(to_hex(empty_root()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

  CHECK(to_hex(leaf_hash({})) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");

  std::vector<Hash> leaves;
  for (unsigned i = 0; i < 256; ++i)
    leaves.push_back(leaf(i));
  for (unsigned count = 1; count <= 256; count *= 2)
    CHECK(subtree_hash(std::span(leaves).first(count)) == definition.root(0, count));
}

TEST_CASE("roots of all small trees, and of those at the borders of tiles, are those of the definition") {
  for (std::uint64_t size = 0; size <= 600; ++size)
    REQUIRE(root_hash(size, reader(size)).value() == definition.root(0, size));

  for (const std::uint64_t size : {65'535U, 65'536U, 65'537U, 70'000U})
    REQUIRE(root_hash(size, reader(size)).value() == definition.root(0, size));
}

TEST_CASE("every proof of every tree of up to 130 leaves is that of the definition and passes its check") {
  for (std::uint64_t size = 1; size <= 130; ++size) {
    for (std::uint64_t index = 0; index < size; ++index)
      check_proofs(index, size);
  }
}

TEST_CASE("proofs at random, and at the borders of tiles, are those of the definition") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 400; ++i) {
    const std::uint64_t size = 131 + random() % 470;
    check_proofs(random() % size, size);
  }
  for (const std::uint64_t size : {255U, 256U, 257U, 65'535U, 65'536U, 65'537U}) {
    for (const std::uint64_t index :
         std::initializer_list<std::uint64_t>{0, 254, 255, 256, size / 2, size - 2, size - 1}) {
      if (index < size) check_proofs(index, size);
    }
  }
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t size = 1000 + random() % 69'000;
    check_proofs(random() % size, size);
  }
}

TEST_CASE("a proof in which anything is changed shows nothing") {
  for (std::uint64_t size = 1; size <= 40; ++size) {
    for (std::uint64_t index = 0; index + 1 < size; ++index)
      check_refusals(index, size);
  }
  check_refusals(300, 65'537);
}

TEST_CASE("the empty tree is the beginning of every one, and none is longer than itself") {
  CHECK(consistency_proof(0, 5, reader(5)).value().empty());

  CHECK(check_consistency({}, 0, empty_root(), 5, definition.root(0, 5)));

  CHECK_FALSE(check_consistency({}, 0, leaf(0), 5, definition.root(0, 5)));

  CHECK_FALSE(check_consistency({}, 5, definition.root(0, 4), 5, definition.root(0, 5)));

  CHECK(consistency_proof(6, 5, reader(5)).error().code == "out_of_range");

  CHECK(inclusion_proof(5, 5, reader(5)).error().code == "out_of_range");

  CHECK(root_hash(most_leaves + 1, reader(5)).error().code == "out_of_range");

  CHECK_FALSE(check_consistency({}, 6, empty_root(), 5, empty_root()));
}

TEST_CASE("hashes read from tiles are those of the tree") {
  constexpr std::uint64_t size = 65'536 + 300;
  std::vector<Hash> kept;
  const TileReader tiles = [&](const Tile& tile) -> Result<std::span<const Hash>> {
    REQUIRE(tile == tile_at(tile.level, tile.index, size));

    kept.clear();
    const unsigned shift = tile_height * static_cast<unsigned>(tile.level);
    for (unsigned i = 0; i < tile.width; ++i)
      kept.push_back(definition.root((tile.index * tile_width + i) << shift, std::uint64_t{1} << shift));
    return std::span<const Hash>(kept);
  };
  const auto read = hashes_from_tiles(size, tiles);
  CHECK(root_hash(size, read).value() == definition.root(0, size));

  for (unsigned level = 0; level <= 16; ++level) {
    const auto last = (size >> level) - 1;
    for (const auto index : {std::uint64_t{0}, last / 2, last})
      CHECK(read(level, index).value() == definition.root(index << level, std::uint64_t{1} << level));
  }
  CHECK(read(0, size).error().code == "out_of_range");
}
