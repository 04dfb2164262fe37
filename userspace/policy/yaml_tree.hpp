// The part of YAML that documents may use, as a tree that knows the place of every node.
//
// Left out on purpose, each an error: anchors, aliases, merge keys and tags (they say one thing and mean
// another, and multiply), duplicate keys, keys that are not plain text, nesting deeper than 32, anything but
// UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace callgate::policy {

struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, sequence, map };
  Kind kind = Kind::null;
  int line = 0;                 // from 1
  int column = 0;               // from 1, in bytes
  bool quoted = false;          // scalar only: it was not a plain one
  bool block = false;           // scalar only: it was written in lines of its own (`|` or `>`)
  std::string text;             // scalar only
  std::vector<YamlNode> keys;   // map only: scalars, in the order of the document
  std::vector<YamlNode> items;  // the values of `keys`, or the elements of a sequence

  // The value of a map's key, or null.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

struct YamlFault {
  int line = 0;
  int column = 0;
  std::string message;
  std::string hint;
};

struct YamlText {
  std::vector<YamlNode> documents;
  std::vector<YamlFault> faults;  // at most one: reading ends at the first
};

// Reads a text of at most `size_limit` bytes.
[[nodiscard]] YamlText read_yaml(std::string_view text, std::size_t size_limit);

}  // namespace callgate::policy
