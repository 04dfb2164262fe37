#include "policy/fields.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/edit_distance.hpp"
#include "policy/text_pattern.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t most_findings = 50;
constexpr std::size_t longest_message = 400;

// What a terminal may show: no control characters (a quoted text can hold any), of bounded length, whole
// characters.
std::string presentable(std::string_view text) {
  std::string out(text.substr(0, longest_message));
  if (out.size() < text.size()) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80U) != 0)
      out.pop_back();
    out += "...";
  }
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

// The known word that was probably meant, or an empty one.
std::string_view nearest(std::string_view written, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest_word = 40;
  if (written.size() > longest_word) return {};
  std::string_view best;
  std::size_t best_distance = std::min(written.size(), std::max<std::size_t>(written.size() / 3, 2) + 1);
  for (const auto word : known) {
    const auto far = equal_ignoring_case(written, word) ? 0 : edit_distance(written, word);
    if (far < best_distance) {
      best = word;
      best_distance = far;
    }
  }
  return best;
}

std::string in_backticks(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto word : words)
    out += fmt::format("{}`{}`", out.empty() ? "" : ", ", word);
  return out;
}

std::string suggestion(std::string_view written, const std::vector<std::string_view>& known) {
  const auto meant = nearest(written, known);
  if (!meant.empty()) return fmt::format("did you mean `{}`?", meant);
  return fmt::format("known here: {}", in_backticks(known));
}

bool contains(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void Findings::keep(Finding finding) {
  if (found_.size() > most_findings) return;
  if (found_.size() == most_findings) {
    finding.message = "there are more findings than these";
    finding.hint = "correct what is above first";
  }
  finding.file = file_;
  finding.message = presentable(finding.message);
  finding.hint = presentable(finding.hint);
  found_.push_back(std::move(finding));
}

void Findings::add(int line, int column, std::string_view message, std::string_view hint) {
  ++errors_;
  keep({Finding::Severity::error, {}, line, column, std::string(message), std::string(hint)});
}

void Findings::warn(const YamlNode& at, std::string_view message, std::string_view hint) {
  keep({Finding::Severity::warning, {}, at.line, at.column, std::string(message), std::string(hint)});
}

void Findings::add_unhonoured(const YamlNode& at, std::string_view what) {
  if (unhonoured_ == Unhonoured::refused) add_unsupported(at, what);
}

void Findings::add_unsupported(const YamlNode& at, std::string_view what) {
  add(at, fmt::format("this build cannot honour `{}` yet", what),
      "remove it: nothing that a policy asks for is ignored");
}

Fields::Fields(const YamlNode& node, std::string_view what, Names known, Names later, Findings& findings)
    : node_(node), what_(what), findings_(findings) {
  if (is_map()) {
    check_names(known, later);
  } else {
    findings_.add(node, fmt::format("{} must be a map of fields", what_),
                  fmt::format("its fields are {}", in_backticks(known)));
  }
}

void Fields::check_names(Names known, Names later) {
  for (const auto& key : node_.keys) {
    if (contains(known, key.text)) continue;
    if (contains(later, key.text)) {
      findings_.add_unsupported(key, key.text);
    } else {
      findings_.add(key, fmt::format("unknown field `{}` in {}", key.text, what_),
                    suggestion(key.text, known));
    }
  }
}

const YamlNode* Fields::get(std::string_view name, bool required) {
  const YamlNode* value = node_.find(name);
  if (value == nullptr && required && is_map()) {
    findings_.add(node_, fmt::format("{} lacks `{}`", what_, name), "");
  }
  return value;
}

std::optional<std::string> Fields::text(std::string_view name, bool required) {
  const YamlNode* value = get(name, required);
  if (value == nullptr) return std::nullopt;
  return read_text(*value, fmt::format("`{}`", name), findings_);
}

std::optional<std::uint16_t> Fields::port(std::string_view name) {
  const YamlNode* value = get(name, false);
  if (value == nullptr) return std::nullopt;
  std::uint16_t number = 0;
  const char* end = value->text.data() + value->text.size();
  const auto parsed = std::from_chars(value->text.data(), end, number);
  const bool is_number =
      value->kind == YamlNode::Kind::scalar && parsed.ec == std::errc{} && parsed.ptr == end;
  if (is_number && !value->quoted && number != 0) return number;
  findings_.add(*value, fmt::format("`{}` must be a number from 1 to 65535", name),
                value->quoted && is_number ? "write it without quotes" : "");
  return std::nullopt;
}

bool Fields::split_number(const YamlNode& node, std::uint64_t& number, std::string_view& unit) {
  const char* end = node.text.data() + node.text.size();
  const auto parsed = std::from_chars(node.text.data(), end, number);
  if (node.kind != YamlNode::Kind::scalar || parsed.ec != std::errc{} || number == 0) return false;
  unit = {parsed.ptr, static_cast<std::size_t>(end - parsed.ptr)};
  return true;
}

std::optional<std::uint64_t> Fields::size(std::string_view name) {
  const YamlNode* value = get(name, false);
  if (value == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  std::string_view unit;
  const bool is_number = split_number(*value, number, unit);
  unsigned shift = 0;
  if (unit == "KiB") shift = 10;
  if (unit == "MiB") shift = 20;
  if (unit == "GiB") shift = 30;
  if (is_number && (unit.empty() || shift != 0) && number <= (~0ULL >> 1U) >> shift) return number << shift;
  findings_.add(*value, fmt::format("`{}` must be a number of bytes above 0", name),
                "write it as 4096, 64KiB, 1MiB or 2GiB");
  return std::nullopt;
}

std::optional<std::uint64_t> Fields::count(std::string_view name) {
  const YamlNode* value = get(name, false);
  if (value == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  std::string_view unit;
  if (split_number(*value, number, unit) && unit.empty() && !value->quoted) return number;
  findings_.add(*value, fmt::format("`{}` must be a whole number above 0", name), "");
  return std::nullopt;
}

std::optional<std::chrono::seconds> Fields::duration(std::string_view name, bool required) {
  constexpr std::uint64_t longest = std::uint64_t{10} * 366 * 86'400;
  const YamlNode* value = get(name, required);
  if (value == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  std::string_view unit;
  const bool is_number = split_number(*value, number, unit);
  std::uint64_t scale = 0;
  if (unit == "s") scale = 1;
  if (unit == "m") scale = 60;
  if (unit == "h") scale = 3600;
  if (unit == "d") scale = 86'400;
  if (is_number && scale != 0 && number <= longest / scale) {
    return std::chrono::seconds(static_cast<std::int64_t>(number * scale));
  }
  findings_.add(*value, fmt::format("`{}` must be a time, of ten years at most", name),
                "write it as 30s, 10m, 1h or 90d");
  return std::nullopt;
}

std::span<const YamlNode> Fields::list(std::string_view name, bool required) {
  const YamlNode* value = get(name, false);
  const auto hint = "name at least one; where everything is meant, write \"*\"";
  if (value == nullptr) {
    if (required && is_map()) findings_.add(node_, fmt::format("{} lacks `{}`", what_, name), hint);
    return {};
  }
  if (value->kind == YamlNode::Kind::sequence && !value->items.empty()) return value->items;
  if (value->kind == YamlNode::Kind::sequence || value->kind == YamlNode::Kind::null) {
    findings_.add(*value, fmt::format("`{}` is empty, which selects nothing", name), hint);
  } else {
    findings_.add(*value, fmt::format("`{}` must be a list", name),
                  "begin each element with `- `, or write [a, b]");
  }
  return {};
}

std::vector<std::string> Fields::texts(std::string_view name, bool required) {
  std::vector<std::string> read;
  for (const auto& item : list(name, required)) {
    if (auto text = read_text(item, fmt::format("an element of `{}`", name), findings_))
      read.push_back(std::move(*text));
  }
  return read;
}

void Fields::refuse_word(std::string_view name, std::string_view written,
                         const std::vector<std::string_view>& names, Names later) {
  const YamlNode& at = *node_.find(name);
  if (contains(later, written)) {
    findings_.add_unsupported(at, fmt::format("{}: {}", name, written));
  } else {
    findings_.add(at, fmt::format("`{}` cannot be `{}`", name, written), suggestion(written, names));
  }
}

std::optional<std::string> read_text(const YamlNode& node, std::string_view what, Findings& findings) {
  if (node.kind == YamlNode::Kind::scalar) return node.text;
  const auto fault = node.kind == YamlNode::Kind::null ? "is empty" : "must be a text";
  findings.add(node, fmt::format("{} {}", what, fault), "");
  return std::nullopt;
}

}  // namespace callgate::policy
