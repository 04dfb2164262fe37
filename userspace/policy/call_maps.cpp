#include "policy/call_maps.hpp"

#include <algorithm>
#include <map>

#include "policy/text_pattern.hpp"

namespace callgate::policy {
namespace {

using cel::Value;

constexpr cel::Failure no_room{"cost_exceeded", "the call has more parts than a decision looks at"};

class HeaderMap final : public cel::Map {
 public:
  HeaderMap(const cel::Entry* entries, std::size_t size) : entries_(entries), size_(size) {}
  [[nodiscard]] std::size_t size() const override { return size_; }
  [[nodiscard]] Value find(const Value& key, cel::Arena&) const override {
    if (!key.is(cel::Kind::string)) return {};
    const auto* const at = std::find_if(entries_, entries_ + size_, [&](const cel::Entry& entry) {
      return equal_ignoring_case(entry.key.as_text(), key.as_text());
    });
    return at == entries_ + size_ ? Value() : at->value;
  }
  [[nodiscard]] Value key_at(std::size_t index, cel::Arena&) const override { return entries_[index].key; }
  [[nodiscard]] Value value_at(std::size_t index, cel::Arena&) const override {
    return entries_[index].value;
  }

 private:
  const cel::Entry* entries_;
  std::size_t size_;
};

std::string lower(std::string_view text) {
  std::string changed(text);
  std::transform(changed.begin(), changed.end(), changed.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return changed;
}

bool keep(std::string_view text, cel::Arena& arena, Value& value) {
  std::string_view kept;
  if (!arena.copy(text, kept)) return false;
  value = Value::string(kept);
  return true;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// As forms encode it; what is no encoding stands for itself.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() && text[i] == '%' ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

Value header_map(std::span<const HeaderField> fields, cel::Arena& arena) {
  auto* const entries = arena.make_array<cel::Entry>(fields.size());
  if (entries == nullptr) return Value::error(&no_room);
  std::size_t size = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto same = [&](const HeaderField& other) {
      return equal_ignoring_case(other.name, fields[i].name);
    };
    if (std::any_of(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(i), same)) continue;
    std::string joined(fields[i].value);
    for (std::size_t k = i + 1; k < fields.size(); ++k) {
      if (same(fields[k])) joined.append(", ").append(fields[k].value);
    }
    cel::Entry& entry = entries[size++];
    if (!keep(lower(fields[i].name), arena, entry.key) || !keep(joined, arena, entry.value))
      return Value::error(&no_room);
  }
  const auto* const map = arena.make<HeaderMap>(entries, size);
  return map == nullptr ? Value::error(&no_room) : Value::map(map);
}

Value read_query(std::string_view query, cel::Arena& arena) {
  std::map<std::string, std::vector<std::string>> all;
  for (std::size_t start = 0; start < query.size();) {
    const auto end = std::min(query.find('&', start), query.size());
    const auto part = query.substr(start, end - start);
    const auto equals = std::min(part.find('='), part.size());
    if (!part.empty())
      all[decoded(part.substr(0, equals))].push_back(decoded(part.substr(std::min(equals + 1, part.size()))));
    start = end + 1;
  }
  auto* const entries = arena.make_array<cel::Entry>(all.size());
  if (entries == nullptr) return Value::error(&no_room);
  std::size_t size = 0;
  for (const auto& [name, values] : all) {
    cel::Entry& entry = entries[size++];
    entry.value = text_list(values, arena);
    if (!keep(name, arena, entry.key) || entry.value.is_error()) return Value::error(&no_room);
  }
  const auto* const map = arena.make<cel::ValueMap>(entries, size);
  return map == nullptr ? Value::error(&no_room) : Value::map(map);
}

Value text_list(const std::vector<std::string>& texts, cel::Arena& arena) {
  auto* const values = arena.make_array<Value>(texts.size());
  if (values == nullptr) return Value::error(&no_room);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!keep(texts[i], arena, values[i])) return Value::error(&no_room);
  }
  const auto* const list = arena.make<cel::ValueList>(values, texts.size());
  return list == nullptr ? Value::error(&no_room) : Value::list(list);
}

Value text_map(const std::vector<std::pair<std::string, std::string>>& texts, cel::Arena& arena) {
  auto* const entries = arena.make_array<cel::Entry>(texts.size());
  if (entries == nullptr) return Value::error(&no_room);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!keep(texts[i].first, arena, entries[i].key) || !keep(texts[i].second, arena, entries[i].value))
      return Value::error(&no_room);
  }
  const auto* const map = arena.make<cel::ValueMap>(entries, texts.size());
  return map == nullptr ? Value::error(&no_room) : Value::map(map);
}

}  // namespace callgate::policy
