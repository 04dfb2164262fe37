#include "cel/json.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>

namespace callgate::cel {
namespace {

namespace json = boost::json;

constexpr Failure not_json{"not_json", "the text is not valid JSON"};
constexpr Failure ambiguous{"ambiguous_json", "an object has the same key twice"};
constexpr Failure too_large{"cost_exceeded", "the text has more parts than there is memory for"};
constexpr std::size_t deepest = 64;

// Entries sorted by their keys, all of which are strings.
class SortedMap final : public Map {
 public:
  SortedMap(const Entry* entries, std::size_t size) : entries_(entries), size_(size) {}
  [[nodiscard]] std::size_t size() const override { return size_; }
  [[nodiscard]] Value find(const Value& key, Arena&) const override {
    if (!key.is(Kind::string)) return {};
    const auto* const end = entries_ + size_;
    const auto* const at = std::lower_bound(
        entries_, end, key.as_text(),
        [](const Entry& entry, std::string_view wanted) { return entry.key.as_text() < wanted; });
    return at != end && at->key.as_text() == key.as_text() ? at->value : Value();
  }
  [[nodiscard]] Value key_at(std::size_t index, Arena&) const override { return entries_[index].key; }
  [[nodiscard]] Value value_at(std::size_t index, Arena&) const override { return entries_[index].value; }

 private:
  const Entry* entries_;
  std::size_t size_;
};

// What the parser calls. Names and signatures are those of Boost.JSON.
struct Builder {
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  explicit Builder(Arena& memory) : arena(memory) {}

  bool add(const Value& value) {
    entries.push_back({std::exchange(key, {}), value});
    return true;
  }
  bool stop(const Failure& why) {
    failure = &why;
    return false;
  }
  bool take_text(json::string_view last, Value& value) {
    text.append(last.data(), last.size());
    std::string_view kept;
    if (!arena.copy(text, kept)) return stop(too_large);
    text.clear();
    value = Value::string(kept);
    return true;
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return begin(); }
  bool on_array_begin(json::error_code&) { return begin(); }
  bool begin() {
    starts.push_back(entries.size());
    keys.push_back(std::exchange(key, {}));
    return true;
  }
  void leave(const Value& made) {
    entries.resize(starts.back());
    key = keys.back();
    starts.pop_back();
    keys.pop_back();
    (void)add(made);
  }
  bool on_object_end(std::size_t size, json::error_code&) {
    auto* const kept = arena.make_array<Entry>(size);
    if (kept == nullptr) return stop(too_large);
    std::copy(entries.end() - static_cast<std::ptrdiff_t>(size), entries.end(), kept);
    const auto before = [](const Entry& a, const Entry& b) { return a.key.as_text() < b.key.as_text(); };
    std::sort(kept, kept + size, before);
    const auto* const twice = std::adjacent_find(
        kept, kept + size, [](const Entry& a, const Entry& b) { return a.key.as_text() == b.key.as_text(); });
    if (twice != kept + size) return stop(ambiguous);
    const auto* const map = arena.make<SortedMap>(kept, size);
    if (map == nullptr) return stop(too_large);
    leave(Value::map(map));
    return true;
  }
  bool on_array_end(std::size_t size, json::error_code&) {
    auto* const kept = arena.make_array<Value>(size);
    const auto* const list = kept == nullptr ? nullptr : arena.make<ValueList>(kept, size);
    if (list == nullptr) return stop(too_large);
    std::transform(entries.end() - static_cast<std::ptrdiff_t>(size), entries.end(), kept,
                   [](const Entry& entry) { return entry.value; });
    leave(Value::list(list));
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view last, std::size_t, json::error_code&) { return take_text(last, key); }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view last, std::size_t, json::error_code&) {
    Value value;
    return take_text(last, value) && add(value);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    return add(Value::real(static_cast<double>(number)));
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    return add(Value::real(static_cast<double>(number)));
  }
  bool on_double(double number, json::string_view, json::error_code&) { return add(Value::real(number)); }
  bool on_bool(bool value, json::error_code&) { return add(Value::boolean(value)); }
  bool on_null(json::error_code&) { return add(Value::null()); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  Arena& arena;
  const Failure* failure = nullptr;
  std::vector<Entry> entries;  // of the collections that have begun, one after the other
  std::vector<std::size_t> starts;
  std::vector<Value> keys;  // what these collections lie under
  Value key;                // of the value that comes next
  std::string text;         // parts of a text
};

}  // namespace

Value read_json(std::string_view text, Arena& arena) {
  json::parse_options options;
  options.max_depth = deepest;
  json::basic_parser<Builder> parser(options, arena);
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  const Builder& built = parser.handler();
  if (built.failure != nullptr) return Value::error(built.failure);
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  const bool whole = !error && parser.done() && built.entries.size() == 1 &&
                     std::all_of(text.begin() + static_cast<std::ptrdiff_t>(read), text.end(), blank);
  return whole ? built.entries[0].value : Value::error(&not_json);
}

}  // namespace callgate::cel
