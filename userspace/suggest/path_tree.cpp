#include "suggest/path_tree.hpp"

#include <algorithm>

#include "suggest/segment.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t deepest = 64;
// With method and host a function still fits into the 2,048 characters of the policy language.
constexpr std::size_t longest_path_pattern = 1400;

std::string join(std::vector<std::string> segments) {
  const auto size = [&] {
    std::size_t total = 0;
    for (const auto& segment : segments)
      total += segment.size() + 1;
    return total;
  };
  while (size() > longest_path_pattern) {
    // The first one goes last: it says most.
    auto longest = std::max_element(segments.begin() + 1, segments.end(),
                                    [](const auto& a, const auto& b) { return a.size() < b.size(); });
    if (longest == segments.end() || longest->size() < 2 || *longest == "**") longest = segments.begin();
    *longest = "*";
  }
  std::string text;
  for (const auto& segment : segments)
    text.append("/").append(segment);
  return text;
}

}  // namespace

PathTree::Key PathTree::key_of(std::string_view segment, std::size_t depth) {
  const Key literal{Kind::literal, std::string(segment)};
  if (depth == 0 || segment.empty()) return literal;
  if (const auto whole = shape_of(segment); whole != Shape::word)
    return {whole == Shape::number ? Kind::number : Kind::any, {}};
  const auto [stem, ending] = split_ending(segment);
  if (ending.empty()) return literal;
  const auto shape = shape_of(stem);
  if (shape == Shape::word) return literal;
  return {shape == Shape::number ? Kind::number : Kind::any, std::string(ending)};
}

void PathTree::note_number(Node& node, std::string_view value) {
  if (node.number.empty()) node.number = value;
  node.varies = node.varies || node.number != value;
}

void PathTree::add(std::string_view path, const Seen& seen) {
  Node* node = &root_;
  std::size_t depth = 0;
  for (std::size_t start = 1; start <= path.size(); ++depth) {
    const auto end = depth == deepest ? path.size() : std::min(path.find('/', start), path.size());
    const auto segment = path.substr(start, end - start);
    Key key = depth == deepest                      ? Key{Kind::any_number, {}}
              : node->collapsed && !segment.empty() ? Key{Kind::any, {}}
                                                    : key_of(segment, depth);
    const bool number = key.kind == Kind::number;
    auto& child = node->children[std::move(key)];
    if (child == nullptr) {
      child = std::make_unique<Node>();
      ++nodes_;
    }
    if (number) note_number(*child, segment);
    Node* const next = child.get();
    const bool general = depth != deepest && !segment.empty();
    if (!node->collapsed && node->children.size() > limit_at(depth) && is_broad(*node, depth)) {
      nodes_ -= size_of(*node);
      collapse(*node, depth);
      nodes_ += size_of(*node);
      node = general ? node->children.at(Key{Kind::any, {}}).get() : next;
    } else {
      node = next;
    }
    start = end + 1;
  }
  node->seen.add(seen);
}

std::size_t PathTree::size_of(const Node& node) {
  std::size_t size = 1;
  for (const auto& [key, child] : node.children)
    size += size_of(*child);
  return size;
}

std::size_t PathTree::breadth(const Node& node) {
  return static_cast<std::size_t>(std::count_if(node.children.begin(), node.children.end(),
                                                [](const auto& child) { return is_general(child.first); }));
}

void PathTree::collapse(Node& node, std::size_t depth) {
  node.collapsed = true;
  auto any = std::make_unique<Node>();
  for (auto at = node.children.begin(); at != node.children.end();) {
    if (!is_general(at->first)) {
      ++at;
      continue;
    }
    merge(*any, *at->second, depth + 1);
    at = node.children.erase(at);
  }
  node.children.emplace(Key{Kind::any, {}}, std::move(any));
}

void PathTree::merge(Node& into, Node& from, std::size_t depth) {
  into.seen.add(from.seen);
  into.varies = into.varies || from.varies;
  if (!from.number.empty()) note_number(into, from.number);
  into.collapsed = into.collapsed || from.collapsed;
  for (auto& [key, child] : from.children) {
    auto [at, fresh] = into.children.try_emplace(key, nullptr);
    if (fresh) {
      at->second = std::move(child);
    } else {
      merge(*at->second, *child, depth + 1);
    }
  }
  // What is one child already stays so, whatever comes to it.
  if (into.collapsed ? breadth(into) > 1 : is_broad(into, depth)) collapse(into, depth);
}

void PathTree::squeeze(std::size_t distinct) {
  distinct_ = distinct;
  collapse_all(root_, 0);
  nodes_ = size_of(root_) - 1;
}

void PathTree::collapse_all(Node& node, std::size_t depth) {
  for (auto& [key, child] : node.children)
    collapse_all(*child, depth + 1);
  if (!node.collapsed && is_broad(node, depth)) collapse(node, depth);
}

void PathTree::collect(const Node& node, std::vector<std::string>& segments,
                       std::vector<PathPattern>& patterns) {
  if (node.seen.calls != 0) patterns.push_back({join(segments), node.seen});
  for (const auto& [key, child] : node.children) {
    switch (key.kind) {
      case Kind::literal:
        segments.push_back(literal_pattern(key.text));
        break;
      case Kind::number:
        segments.push_back(child->varies ? "*" + key.text : literal_pattern(child->number));
        break;
      case Kind::any:
        segments.push_back("*" + key.text);
        break;
      case Kind::any_number:
        segments.emplace_back("**");
        break;
    }
    collect(*child, segments, patterns);
    segments.pop_back();
  }
}

std::vector<PathPattern> PathTree::patterns() const {
  std::vector<PathPattern> all;
  std::vector<std::string> segments;
  collect(root_, segments, all);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
  std::vector<PathPattern> once;
  for (auto& pattern : all) {
    if (!once.empty() && once.back().text == pattern.text) {
      once.back().seen.add(pattern.seen);
    } else {
      once.push_back(std::move(pattern));
    }
  }
  return once;
}

}  // namespace callgate::suggest
