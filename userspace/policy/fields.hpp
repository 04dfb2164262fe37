// Reads the fields of a YAML map strictly: what is not known is an error, with the nearest known name as a
// hint.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/document.hpp"
#include "policy/yaml_tree.hpp"

namespace callgate::policy {

using Names = std::initializer_list<std::string_view>;

// Collects what is wrong with one file.
class Findings {
 public:
  explicit Findings(std::string_view file, Unhonoured unhonoured = Unhonoured::refused)
      : file_(file), unhonoured_(unhonoured) {}

  // An error.
  void add(int line, int column, std::string_view message, std::string_view hint);
  void add(const YamlNode& at, std::string_view message, std::string_view hint) {
    add(at.line, at.column, message, hint);
  }
  void warn(const YamlNode& at, std::string_view message, std::string_view hint);
  // The document says something that is part of the language, and not of this build.
  void add_unsupported(const YamlNode& at, std::string_view what);
  // The same of what has been read and could be shown: nothing where that is all it is for.
  void add_unhonoured(const YamlNode& at, std::string_view what);

  [[nodiscard]] std::size_t errors() const { return errors_; }
  [[nodiscard]] std::vector<Finding> take() { return std::move(found_); }

 private:
  void keep(Finding finding);

  std::string file_;
  Unhonoured unhonoured_;
  std::vector<Finding> found_;
  std::size_t errors_ = 0;
};

// A map whose fields are read one by one. Each reading function returns nothing where the field is missing or
// wrong; what is wrong has been added to the findings.
class Fields {
 public:
  // `what` names the map in messages: "the target". `later` are fields that this build knows and cannot
  // honour.
  Fields(const YamlNode& node, std::string_view what, Names known, Names later, Findings& findings);

  [[nodiscard]] bool is_map() const { return node_.kind == YamlNode::Kind::map; }
  // The field's value, or null; a missing field is an error with `required`.
  const YamlNode* get(std::string_view name, bool required);
  std::optional<std::string> text(std::string_view name, bool required);
  std::optional<std::uint16_t> port(std::string_view name);
  // A number of bytes: 4096, 64KiB, 1MiB, 2GiB.
  std::optional<std::uint64_t> size(std::string_view name);
  // A whole number above 0.
  std::optional<std::uint64_t> count(std::string_view name);
  // A time of whole seconds above 0: 30s, 10m, 1h, 90d.
  std::optional<std::chrono::seconds> duration(std::string_view name, bool required);
  // The elements of a list that must not be empty; one that is not required may be missing.
  std::span<const YamlNode> list(std::string_view name, bool required = true);
  // The texts of such a list.
  std::vector<std::string> texts(std::string_view name, bool required);

  // One of some words. `later` are words that this build knows and cannot honour.
  template <typename T>
  std::optional<T> word(std::string_view name, bool required,
                        std::initializer_list<std::pair<std::string_view, T>> words, Names later = {}) {
    const auto written = text(name, required);
    if (!written) return std::nullopt;
    std::vector<std::string_view> names;
    for (const auto& [known, value] : words) {
      if (*written == known) return value;
      names.push_back(known);
    }
    refuse_word(name, *written, names, later);
    return std::nullopt;
  }

 private:
  // A number and the unit behind it; false where `node` is nothing of the kind.
  [[nodiscard]] static bool split_number(const YamlNode& node, std::uint64_t& number, std::string_view& unit);
  void check_names(Names known, Names later);
  void refuse_word(std::string_view name, std::string_view written,
                   const std::vector<std::string_view>& names, Names later);

  const YamlNode& node_;
  std::string what_;
  Findings& findings_;
};

// The text of a scalar that is neither null nor a collection; else nothing and a finding.
[[nodiscard]] std::optional<std::string> read_text(const YamlNode& node, std::string_view what,
                                                   Findings& findings);

}  // namespace callgate::policy
