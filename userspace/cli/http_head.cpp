#include "cli/http_head.hpp"

#include <algorithm>

namespace callgate::cli {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the next line off `text`, without its end.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

std::string form_decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 &&
        hex_digit(text[at + 2]) >= 0) {
      result += static_cast<char>(hex_digit(text[at + 1]) * 16 + hex_digit(text[at + 2]));
      at += 2;
    } else {
      result += text[at] == '+' ? ' ' : text[at];
    }
  }
  return result;
}

}  // namespace

std::string_view HttpHead::field(std::string_view name) const {
  for (const auto& [is, value] : fields) {
    if (same_name(is, name)) return value;
  }
  return {};
}

std::string HttpHead::all(std::string_view name) const {
  std::string result;
  for (const auto& [is, value] : fields) {
    if (same_name(is, name)) result += (result.empty() ? "" : ", ") + value;
  }
  return result;
}

HttpHead parse_http_head(std::string_view text) {
  HttpHead head;
  bool begins = true;  // a head
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.empty()) {
      begins = true;
    } else if (begins) {
      head = {std::string(line), {}};
      begins = false;
    } else if (const auto colon = line.find(':');
               colon != std::string_view::npos && head.fields.size() < HttpHead::most_fields) {
      head.fields.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
  }
  return head;
}

StartLine split_start_line(std::string_view line) {
  StartLine result;
  for (auto* const part : {&result.first, &result.second}) {
    const auto end = std::min(line.find(' '), line.size());
    *part = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  result.third = line;
  return result;
}

std::string media_type(std::string_view content_type) {
  std::string result(trimmed(content_type.substr(0, content_type.find(';'))));
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text, std::size_t most) {
  std::vector<std::pair<std::string, std::string>> result;
  while (!text.empty() && result.size() < most) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    result.emplace_back(form_decoded(pair.substr(0, equals)),
                        form_decoded(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return result;
}

}  // namespace callgate::cli
