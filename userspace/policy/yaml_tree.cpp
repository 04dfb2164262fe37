#include "policy/yaml_tree.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "policy/utf8.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t deepest_nesting = 32;
constexpr std::size_t most_nodes = 100'000;
constexpr const char* quote_hint = "where a text begins with `*` or `&`, put it in quotes";

// Ends reading; never leaves this file.
struct Stop {
  YamlFault fault;
};

[[noreturn]] void stop(int line, int column, std::string message, std::string hint) {
  throw Stop{{line, column, std::move(message), std::move(hint)}};
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::vector<YamlNode>& documents) : text_(text), documents_(documents) {}

  void OnDocumentStart(const YAML::Mark&) override { open_.clear(); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(make(YamlNode::Kind::null, mark, {}, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark.line + 1, mark.column + 1, "aliases are not allowed", quote_hint);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = make(YamlNode::Kind::scalar, mark, tag, anchor);
    node.quoted = tag == "!";
    node.block = node.quoted && is_block(node.line, node.column);
    node.text = value;
    attach(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::sequence, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::map, mark, tag, anchor));
  }
  void OnMapEnd() override {
    refuse_duplicates(open_.back());
    close();
  }

 private:
  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    if (anchor != YAML::NullAnchor) stop(node.line, node.column, "anchors are not allowed", quote_hint);
    if (!tag.empty() && tag != "?" && tag != "!") {
      stop(node.line, node.column, "tags are not allowed", "where a text begins with `!`, put it in quotes");
    }
    if (++nodes_ > most_nodes)
      stop(node.line, node.column, "the text has more than 100,000 values", "split the file");
    return node;
  }

  void open(YamlNode node) {
    if (open_.size() == deepest_nesting) {
      stop(node.line, node.column, "the document is nested more than 32 deep", "no field of a policy is");
    }
    open_.push_back(std::move(node));
  }

  void close() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    attach(std::move(node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      documents_.push_back(std::move(node));
      return;
    }
    YamlNode& parent = open_.back();
    const bool is_key = parent.kind == YamlNode::Kind::map && parent.keys.size() == parent.items.size();
    if (!is_key) {
      if (parent.kind == YamlNode::Kind::map && node.kind == YamlNode::Kind::null) {
        // The parser says that an empty value is where the next thing begins.
        node.line = parent.keys.back().line;
        node.column = parent.keys.back().column;
      }
      parent.items.push_back(std::move(node));
      return;
    }
    if (node.kind != YamlNode::Kind::scalar) stop(node.line, node.column, "a key must be a plain text", "");
    if (node.text == "<<" && !node.quoted) {
      stop(node.line, node.column, "merge keys are not allowed", "write the fields out");
    }
    parent.keys.push_back(std::move(node));
  }

  // Whether a text in lines of its own is announced here. Scalars come in the order of the text.
  bool is_block(int line, int column) {
    for (; line_ < line; ++line_)
      line_start_ = std::min(text_.find('\n', line_start_), text_.size() - 1) + 1;
    const auto at = line_start_ + static_cast<std::size_t>(column - 1);
    return line_ == line && at < text_.size() && (text_[at] == '|' || text_[at] == '>');
  }

  static void refuse_duplicates(const YamlNode& map) {
    std::vector<std::size_t> order(map.keys.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return map.keys[a].text < map.keys[b].text; });
    const auto twice = std::adjacent_find(
        order.begin(), order.end(), [&](auto a, auto b) { return map.keys[a].text == map.keys[b].text; });
    if (twice == order.end()) return;
    const YamlNode& first = map.keys[*twice];
    const YamlNode& second = map.keys[*(twice + 1)];
    stop(second.line, second.column, fmt::format("the field `{}` is there twice", second.text),
         fmt::format("the first is in line {}; keep one of them", first.line));
  }

  std::string_view text_;
  int line_ = 1;                // of the text that was looked at last
  std::size_t line_start_ = 0;  // where it begins
  std::vector<YamlNode>& documents_;
  std::vector<YamlNode> open_;  // the collections that have begun and not ended
  std::size_t nodes_ = 0;
};

// Stops at the first byte that no document may hold.
void check_characters(std::string_view text) {
  const auto invalid = find_invalid_utf8(text);
  int line = 1;
  int column = 1;
  for (std::size_t i = 0; i < text.size(); ++i, ++column) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i == invalid) stop(line, column, "the text is not UTF-8 here", "save the file as UTF-8");
    if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f) {
      stop(line, column, "there is a control character in the text", "remove it");
    }
    if (byte == '\n') {
      ++line;
      column = 0;
    }
  }
}

void parse(std::string_view text, std::vector<YamlNode>& documents) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder builder(text, documents);
  while (parser.HandleNextDocument(builder)) {
  }
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto at = std::find_if(keys.begin(), keys.end(), [&](const YamlNode& k) { return k.text == key; });
  return at == keys.end() ? nullptr : &items[static_cast<std::size_t>(at - keys.begin())];
}

YamlText read_yaml(std::string_view text, std::size_t size_limit) {
  YamlText out;
  try {
    if (text.size() > size_limit) {
      stop(0, 0, fmt::format("the text is larger than {} bytes", size_limit), "split it into several files");
    }
    check_characters(text);
    parse(text, out.documents);
  } catch (Stop& stopped) {
    out.faults.push_back(std::move(stopped.fault));
  } catch (const YAML::Exception& error) {
    const bool placed = error.mark.line >= 0;
    const bool about_alias =
        error.msg.find("alias") != std::string::npos || error.msg.find("anchor") != std::string::npos;
    const std::string message =
        about_alias ? "aliases and anchors are not allowed" : fmt::format("not valid YAML: {}", error.msg);
    out.faults.push_back({placed ? error.mark.line + 1 : 0, placed ? error.mark.column + 1 : 0, message,
                          about_alias ? quote_hint : ""});
  }
  if (!out.faults.empty()) out.documents.clear();
  return out;
}

}  // namespace callgate::policy
