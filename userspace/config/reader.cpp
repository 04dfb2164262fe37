#include "config/reader.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "config/values.hpp"

namespace callgate::config {
namespace {

// More of them help nobody, and a hostile file could make a million.
constexpr std::size_t most_findings = 100;

std::string joined(const std::string& section, const std::string& key) {
  return section.empty() ? key : section + "." + key;
}

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::map:
      return "a section";
  }
  return "something else";
}

}  // namespace

Reader::Reader(std::string_view text, std::string_view file) : file_(file) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines_.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

void Reader::read_document(const Node& root, const std::vector<Section>& sections) {
  sections_ = &sections;
  std::vector<Field> top;
  for (const auto& section : sections) {
    if (section.name.empty()) {
      top.insert(top.end(), section.fields.begin(), section.fields.end());
      continue;
    }
    const auto read = [&section](Reader& reader, const Node& node, const std::string& name) {
      reader.read_map(node, name, section.fields);
    };
    top.push_back({section.name, read});
  }
  read_map(root, "", top);
}

void Reader::read_map(const Node& node, const std::string& name, const std::vector<Field>& fields) {
  // A section whose keys are all commented out.
  if (node.kind == Node::Kind::null &&
      std::none_of(fields.begin(), fields.end(), [](const Field& f) { return f.required; })) {
    return;
  }
  if (node.kind != Node::Kind::map) {
    fail(node.place,
         name.empty()
             ? fmt::format("a configuration is a map of keys and values, not {}", kind_name(node.kind))
             : fmt::format("`{}` must be a map of keys and values, not {}", name, kind_name(node.kind)));
    return;
  }
  std::set<std::string> seen;
  for (std::size_t index = 0; index < node.keys.size(); ++index) {
    const Node& key = node.keys[index];
    if (key.kind != Node::Kind::scalar) {
      fail(key.place, fmt::format("a key must be a name, not {}", kind_name(key.kind)));
      continue;
    }
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == key.text; });
    if (field == fields.end()) {
      fail(key.place,
           name.empty() ? fmt::format("unknown key `{}`", key.text)
                        : fmt::format("unknown key `{}` in `{}`", key.text, name),
           hint_for(key.text, fields));
    } else if (!seen.insert(key.text).second) {
      fail(key.place, fmt::format("`{}` is given twice", joined(name, key.text)), "remove one of them");
    } else {
      // The parser places an empty value behind the line's end.
      Node placed = node.values[index];
      if (placed.kind == Node::Kind::null) placed.place = key.place;
      field->read(*this, placed, joined(name, key.text));
    }
  }
  for (const auto& field : fields) {
    if (field.required && seen.count(field.key) == 0) {
      fail(node.place, fmt::format("`{}` is missing", joined(name, field.key)));
    }
  }
}

void Reader::read_list(const Node& node, const std::string& name, const ReadValue& read) {
  if (node.kind != Node::Kind::sequence) {
    fail(node.place, fmt::format("`{}` must be a list, not {}", name, kind_name(node.kind)),
         node.kind == Node::Kind::scalar ? "write [value] or one \"- value\" a line"
                                         : "an empty list is written []");
    return;
  }
  for (const auto& item : node.items)
    read(*this, item, name);
}

const std::string* Reader::text_of(const Node& node, const std::string& name) {
  if (node.kind == Node::Kind::scalar) return &node.text;
  if (node.kind == Node::Kind::null) {
    fail(node.place, fmt::format("`{}` has no value", name),
         "give it one, or remove the line to have the default");
  } else {
    fail(node.place, fmt::format("`{}` must be a single value, not {}", name, kind_name(node.kind)));
  }
  return nullptr;
}

void Reader::fail(const Place& place, std::string message, std::string hint) {
  if (findings_.size() >= most_findings) return;
  Finding finding{file_, place.line, place.column, std::move(message), std::move(hint), {}};
  if (place.line > 0 && static_cast<std::size_t>(place.line) <= lines_.size()) {
    finding.excerpt = lines_[static_cast<std::size_t>(place.line) - 1];
  }
  findings_.push_back(std::move(finding));
}

std::vector<Finding> Reader::findings() {
  std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& left, const Finding& right) {
    return std::tie(left.line, left.column) < std::tie(right.line, right.column);
  });
  return std::move(findings_);
}

std::string Reader::hint_for(const std::string& key, const std::vector<Field>& fields) const {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const auto& field : fields)
    names.push_back(field.key);
  const auto alike = nearest(key, names);
  if (!alike.empty()) return fmt::format("did you mean `{}`?", alike);
  for (const auto& section : *sections_) {
    for (const auto& field : section.fields) {
      if (field.key != key) continue;
      return section.name.empty() ? fmt::format("`{}` stands at the top level", key)
                                  : fmt::format("`{}` stands in the section `{}`", key, section.name);
    }
  }
  return {};
}

}  // namespace callgate::config
