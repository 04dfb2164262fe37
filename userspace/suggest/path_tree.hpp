// Paths that were called with one method at one target, generalized as they come in, so that memory does not
// grow with them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "suggest/seen.hpp"

namespace callgate::suggest {

struct PathPattern {
  std::string text;  // as the policy language writes it: "/v1/customers/*"
  Seen seen;
};

// A segment becomes `*` where it is an id, a number of which several were seen, or one of more than
// `distinct` values under the same beginning. The first segment is kept as it is until there are eight times
// as many. Segments from the 64th on are `**`.
class PathTree {
 public:
  explicit PathTree(std::size_t distinct) : distinct_(distinct) {}

  // `path` is a normalized one.
  void add(std::string_view path, const Seen& seen);
  // Generalizes what was added, and what comes, by a smaller number of values.
  void squeeze(std::size_t distinct);

  [[nodiscard]] std::size_t nodes() const { return nodes_; }
  // In the order of their texts; a few may cover others.
  [[nodiscard]] std::vector<PathPattern> patterns() const;

 private:
  enum class Kind : unsigned char { literal, number, any, any_number };
  struct Key {
    Kind kind = Kind::literal;
    std::string text;  // of a literal the segment, else the ending: ".json"
    auto operator<=>(const Key&) const = default;
  };
  struct Node {
    std::map<Key, std::unique_ptr<Node>> children;
    Seen seen;           // of the paths that end here
    std::string number;  // the value, while there is only one
    bool varies = false;
    bool collapsed = false;  // its children differ too much: any but the empty one is the same
  };

  [[nodiscard]] static Key key_of(std::string_view segment, std::size_t depth);
  static void note_number(Node& node, std::string_view value);
  static std::size_t size_of(const Node& node);
  [[nodiscard]] std::size_t limit_at(std::size_t depth) const {
    return depth == 0 ? 8 * distinct_ : distinct_;
  }
  // Whether a `*` can stand for it.
  [[nodiscard]] static bool is_general(const Key& key) {
    return key.kind != Kind::any_number && (key.kind != Kind::literal || !key.text.empty());
  }
  // How many children of a node at `depth` a `*` could stand for; whether they are too many.
  [[nodiscard]] static std::size_t breadth(const Node& node);
  [[nodiscard]] bool is_broad(const Node& node, std::size_t depth) const {
    return breadth(node) > limit_at(depth);
  }
  // Makes one child of those that a `*` can stand for. `depth` is that of the children, here and below.
  void collapse(Node& node, std::size_t depth);
  void collapse_all(Node& node, std::size_t depth);
  void merge(Node& into, Node& from, std::size_t depth);
  static void collect(const Node& node, std::vector<std::string>& segments,
                      std::vector<PathPattern>& patterns);

  std::size_t distinct_;
  Node root_;
  std::size_t nodes_ = 0;
};

}  // namespace callgate::suggest
