// Reads a tree into values by tables of fields, and collects what is wrong with it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/yaml_tree.hpp"

namespace callgate::config {

class Reader;

// Checks and stores the value of one key. `name` is what findings call it ("limits.head").
using ReadValue = std::function<void(Reader& reader, const Node& node, const std::string& name)>;

struct Field {
  std::string key;
  ReadValue read;
  bool required = false;
};

// A section of the file; the one without a name holds the keys of the top level.
struct Section {
  std::string name;
  std::vector<Field> fields;
};

class Reader {
 public:
  Reader(std::string_view text, std::string_view file);

  void read_document(const Node& root, const std::vector<Section>& sections);
  // A map with exactly these keys, each at most once; `name` is empty for the top level.
  void read_map(const Node& node, const std::string& name, const std::vector<Field>& fields);
  // Calls `read` for each item of a list.
  void read_list(const Node& node, const std::string& name, const ReadValue& read);
  // The text of a scalar that is there; nullptr, and a finding, otherwise.
  const std::string* text_of(const Node& node, const std::string& name);

  void fail(const Place& place, std::string message, std::string hint = {});
  // Takes the findings, in the order of the file.
  [[nodiscard]] std::vector<Finding> findings();

 private:
  [[nodiscard]] std::string hint_for(const std::string& key, const std::vector<Field>& fields) const;

  std::vector<std::string_view> lines_;
  std::string file_;
  const std::vector<Section>* sections_ = nullptr;
  std::vector<Finding> findings_;
};

}  // namespace callgate::config
