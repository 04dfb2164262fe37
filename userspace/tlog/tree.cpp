#include "tlog/tree.hpp"

#include <bit>

#include <fmt/format.h>

namespace callgate::tlog {
namespace {

// The leaves [first, first + count) of a tree: `first` is a multiple of the power of two that holds `count`.
struct Range {
  std::uint64_t first;
  std::uint64_t count;

  // The largest power of two below `count`, which is more than one.
  [[nodiscard]] std::uint64_t split() const { return std::bit_floor(count - 1); }
  [[nodiscard]] Range left() const { return {first, split()}; }
  [[nodiscard]] Range right() const { return {first + split(), count - split()}; }
};

Result<Hash> range_hash(Range range, const HashReader& read) {
  if (std::has_single_bit(range.count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(range.count));
    return read(level, range.first >> level);
  }
  // Every left half is complete; the right halves are folded up from the last.
  std::vector<Hash> lefts;
  while (!std::has_single_bit(range.count)) {
    const auto left = range_hash(range.left(), read);
    if (!left) return left.error();
    lefts.push_back(*left);
    range = range.right();
  }
  auto hash = range_hash(range, read);
  if (!hash) return hash.error();
  for (; !lefts.empty(); lefts.pop_back())
    *hash = node_hash(lefts.back(), *hash);
  return hash;
}

// The hashes of the ranges, the last one first.
Result<Proof> hash_ranges(const std::vector<Range>& ranges, const HashReader& read) {
  Proof proof;
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    const auto hash = range_hash(*range, read);
    if (!hash) return hash.error();
    proof.push_back(*hash);
  }
  return proof;
}

Error bad_proof(std::string_view what) {
  return make_error("bad_proof", std::string(what));
}

Result<void> check_size(std::uint64_t size) {
  if (size <= most_leaves) return {};
  return make_error("out_of_range", fmt::format("no tree has {} leaves", size));
}

// The way from a node up to the root: on which side the next hash of a proof stands.
class Climb {
 public:
  Climb(std::uint64_t node, std::uint64_t last) : node_(node), last_(last) {}

  // Up as long as the node is a right child, without hashes.
  void skip_complete() {
    while ((node_ & 1U) != 0)
      up();
  }
  [[nodiscard]] bool at_root() const { return last_ == 0; }
  [[nodiscard]] bool sibling_is_left() const { return (node_ & 1U) != 0 || node_ == last_; }
  void step() {
    // The last node of a level that has no sibling there goes up as it is.
    if (node_ == last_) {
      while ((node_ & 1U) == 0 && node_ != 0)
        up();
    }
    up();
  }

 private:
  void up() {
    node_ >>= 1U;
    last_ >>= 1U;
  }
  std::uint64_t node_;
  std::uint64_t last_;
};

}  // namespace

Result<Hash> root_hash(std::uint64_t size, const HashReader& read) {
  CALLGATE_TRY(check_size(size));
  if (size == 0) return empty_root();
  return range_hash({0, size}, read);
}

Result<Proof> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashReader& read) {
  CALLGATE_TRY(check_size(size));
  if (index >= size) {
    return make_error("out_of_range", fmt::format("a tree of {} leaves has no leaf {}", size, index));
  }
  std::vector<Range> others;
  for (Range range{0, size}; range.count > 1;) {
    const bool left = index < range.first + range.split();
    others.push_back(left ? range.right() : range.left());
    range = left ? range.left() : range.right();
  }
  return hash_ranges(others, read);
}

Result<Proof> consistency_proof(std::uint64_t old_size, std::uint64_t size, const HashReader& read) {
  CALLGATE_TRY(check_size(size));
  if (old_size > size) {
    return make_error("out_of_range",
                      fmt::format("a tree of {} leaves does not begin with {}", size, old_size));
  }
  if (old_size == 0 || old_size == size) return Proof{};
  std::vector<Range> ranges;
  Range range{0, size};
  while (old_size != range.first + range.count) {
    const bool left = old_size <= range.first + range.split();
    ranges.push_back(left ? range.right() : range.left());
    range = left ? range.left() : range.right();
  }
  // A range that begins with the tree is the old tree itself, whose root the checker has.
  if (range.first != 0) ranges.push_back(range);
  return hash_ranges(ranges, read);
}

Result<void> check_inclusion(const Proof& proof, std::uint64_t index, std::uint64_t size, const Hash& leaf,
                             const Hash& root) {
  CALLGATE_TRY(check_size(size));
  if (index >= size) return bad_proof("the proof is of an entry beyond the end of the log");
  Climb climb(index, size - 1);
  Hash hash = leaf;
  for (const auto& sibling : proof) {
    if (climb.at_root()) return bad_proof("the proof holds more hashes than the tree has levels");
    hash = climb.sibling_is_left() ? node_hash(sibling, hash) : node_hash(hash, sibling);
    climb.step();
  }
  if (!climb.at_root()) return bad_proof("the proof ends below the root of the tree");
  if (hash != root) return bad_proof("the entry is not what the log holds at this index");
  return {};
}

Result<void> check_consistency(const Proof& proof, std::uint64_t old_size, const Hash& old_root,
                               std::uint64_t size, const Hash& root) {
  CALLGATE_TRY(check_size(size));
  if (old_size > size) return bad_proof("the older tree has more leaves than the newer one");
  if (old_size == 0 || old_size == size) {
    if (!proof.empty()) return bad_proof("there is nothing for the hashes of the proof to show");
    if (old_root != (old_size == 0 ? empty_root() : root)) {
      return bad_proof("the two trees have as many leaves and not the same ones");
    }
    return {};
  }
  Climb climb(old_size - 1, size - 1);
  climb.skip_complete();
  auto next = proof.begin();
  Hash old_hash = old_root;
  if (!std::has_single_bit(old_size)) {
    if (next == proof.end()) return bad_proof("the proof is empty");
    old_hash = *next++;
  }
  Hash hash = old_hash;
  for (; next != proof.end(); ++next) {
    if (climb.at_root()) return bad_proof("the proof holds more hashes than the tree has levels");
    if (climb.sibling_is_left()) {
      old_hash = node_hash(*next, old_hash);
      hash = node_hash(*next, hash);
    } else {
      hash = node_hash(hash, *next);
    }
    climb.step();
  }
  if (!climb.at_root()) return bad_proof("the proof ends below the root of the tree");
  if (old_hash != old_root || hash != root) {
    return bad_proof("the newer tree does not begin with the older one: the log was forked");
  }
  return {};
}

}  // namespace callgate::tlog
