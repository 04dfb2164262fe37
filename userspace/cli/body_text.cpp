#include "cli/body_text.hpp"

#include <boost/json/parser.hpp>
#include <fmt/format.h>

#include "cli/content_coding.hpp"
#include "cli/http_head.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t decoded_limit = 4U << 20U;
constexpr std::size_t most_form_fields = 10'000;

bool is_json(std::string_view type, std::string_view bytes) {
  if (type.empty()) return !bytes.empty() && (bytes.front() == '{' || bytes.front() == '[');
  return type == "application/json" || type == "text/json" || type.ends_with("+json");
}

std::string form_text(std::string_view bytes) {
  std::string text;
  for (const auto& [name, value] : parse_form(bytes, most_form_fields))
    text += safe(name) + " = " + safe(value) + '\n';
  return text;
}

// Whether this is JSON, and not nested so deep that nobody could read it.
bool parses(std::string_view text) {
  boost::system::error_code error;
  boost::json::parser parser;  // by its default at most 32 levels
  parser.write(text.data(), text.size(), error);
  return !error;
}

void add_note(std::string& note, const std::string& more) {
  if (!more.empty()) note += (note.empty() ? "" : ", ") + more;
}

}  // namespace

std::string indent_json(std::string_view text) {
  if (!parses(text)) return {};
  std::string result;
  std::size_t depth = 0;
  const auto new_line = [&] { result += '\n' + std::string(depth * 2, ' '); };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '"') {
      const auto start = at++;
      while (text[at] != '"')
        at += text[at] == '\\' ? 2U : 1U;
      result += text.substr(start, at - start + 1);
    } else if (c == '{' || c == '[') {
      result += c;
      const auto next = text.find_first_not_of(" \t\r\n", at + 1);
      if (text[next] == '}' || text[next] == ']') {
        result += text[next];
        at = next;
      } else {
        ++depth;
        new_line();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      new_line();
      result += c;
    } else {
      result += c;
      if (c == ',') new_line();
      if (c == ':') result += ' ';
    }
  }
  return result + '\n';
}

BodyText body_text(std::string_view type, std::string_view coding, std::string_view bytes, bool whole) {
  BodyText result;
  const auto decoded = decode_content(coding, bytes, decoded_limit);
  if (!coding.empty() && decoded.known)
    result.note = fmt::format("{}, decoded to {}", safe(coding), show_size(decoded.bytes.size()));
  add_note(result.note, safe(decoded.problem));
  const bool readable = decoded.known && !(decoded.bytes.empty() && !decoded.whole);
  const std::string_view shown = readable ? std::string_view(decoded.bytes) : bytes;
  const auto media = media_type(type);
  if (readable && decoded.whole && whole && is_json(media, shown)) {
    if (const auto indented = indent_json(shown); !indented.empty()) {
      result.text = safe_lines(indented);
      add_note(result.note, "JSON, indented");
      return result;
    }
    if (!media.empty()) add_note(result.note, "no JSON, or nested too deep");
  }
  if (readable && media == "application/x-www-form-urlencoded" && is_text(shown)) {
    result.text = form_text(shown);
    add_note(result.note, "form, decoded");
    return result;
  }
  result.text = is_text(shown) ? safe_lines(shown) : hex_dump(shown);
  return result;
}

}  // namespace callgate::cli
