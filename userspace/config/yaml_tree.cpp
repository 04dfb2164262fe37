#include "config/yaml_tree.hpp"

#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace callgate::config {
namespace {

Place place_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {1, 1};
  return {mark.line + 1, mark.column + 1};
}

// Builds the tree from the parser's events. Containers that are open lie on a stack; a map's key waits for
// its value.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(Tree& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, {}, anchor);
    add(make(Node::Kind::null, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases (`*name`) are not supported: write the value out");
    add(make(Node::Kind::null, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    Node node = make(Node::Kind::scalar, mark);
    node.text = value;
    // The parser reports `~` and `null` as plain scalars.
    if (tag == "?" && (value == "~" || value == "null")) node.kind = Node::Kind::null;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(make(Node::Kind::sequence, mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(make(Node::Kind::map, mark));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    Node key;
    bool has_key = false;
  };

  static Node make(Node::Kind kind, const YAML::Mark& mark) {
    Node node;
    node.kind = kind;
    node.place = place_of(mark);
    return node;
  }

  void fail(const YAML::Mark& mark, std::string message) {
    tree_.errors.push_back({place_of(mark), std::move(message)});
  }

  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) fail(mark, "anchors (`&name`) are not supported: write the value out");
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "tags (`!name`) are not supported: remove it");
  }

  void open(Node node) { stack_.push_back({std::move(node), {}, false}); }

  void close() {
    Node node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (stack_.empty()) {
      tree_.root = std::move(node);
      return;
    }
    Open& open = stack_.back();
    if (open.node.kind == Node::Kind::sequence) {
      open.node.items.push_back(std::move(node));
    } else if (!open.has_key) {
      open.key = std::move(node);
      open.has_key = true;
    } else {
      open.node.keys.push_back(std::move(open.key));
      open.node.values.push_back(std::move(node));
      open.has_key = false;
    }
  }

  Tree& tree_;
  std::vector<Open> stack_;
};

// Discards a further document; the parser must still read it to find the place where it starts.
class SecondDocument : public YAML::EventHandler {
 public:
  explicit SecondDocument(Tree& tree) : tree_(tree) {}
  void OnDocumentStart(const YAML::Mark& mark) override {
    tree_.errors.push_back({place_of(mark), "a second document: a configuration is one document"});
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}

 private:
  Tree& tree_;
};

// The parser would read UTF-16 and UTF-32 too, and then count places that an editor does not show.
bool is_plain_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && text.substr(0, 2) != "\xfe\xff" &&
         text.substr(0, 2) != "\xff\xfe";
}

}  // namespace

Tree parse_yaml(std::string_view text) {
  Tree tree;
  if (!is_plain_text(text)) {
    tree.errors.push_back({{1, 1}, "this is no UTF-8 text"});
    return tree;
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(tree);
    if (parser.HandleNextDocument(builder)) {
      SecondDocument second(tree);
      parser.HandleNextDocument(second);
    }
  } catch (const YAML::Exception& exception) {
    tree.errors.push_back({place_of(exception.mark), fmt::format("this is no YAML: {}", exception.msg)});
  }
  return tree;
}

}  // namespace callgate::config
