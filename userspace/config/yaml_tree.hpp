// One YAML document as a tree in which everything keeps its place. Aliases, anchors and tags are refused: a
// configuration needs none, and without them a tree is never larger than its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace callgate::config {

// Counted from 1; the column counts bytes.
struct Place {
  int line = 0;
  int column = 0;
};

struct Node {
  enum class Kind : std::uint8_t { null, scalar, sequence, map };

  Kind kind = Kind::null;
  Place place;
  std::string text;         // of a scalar
  std::vector<Node> items;  // of a sequence
  // Of a map, in the order of the file, one value for each key; duplicate keys stay.
  std::vector<Node> keys;
  std::vector<Node> values;
};

struct TreeError {
  Place place;
  std::string message;
};

struct Tree {
  Node root;  // null for an empty text; of use only without errors
  std::vector<TreeError> errors;
};

[[nodiscard]] Tree parse_yaml(std::string_view text);

}  // namespace callgate::config
