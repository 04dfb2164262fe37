#include "policy/path.hpp"

#include <algorithm>
#include <optional>

#include "policy/utf8.hpp"

namespace callgate::policy {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// The byte that `%XX` at `at` stands for, or -1.
int encoded_byte(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

Error bad(std::string message) {
  return make_error("bad_path", std::move(message));
}
Error ambiguous(std::string message) {
  return make_error("ambiguous_path", std::move(message));
}

// The first thing in `raw` that no path may hold, whether or not anything needs decoding.
std::optional<Error> forbidden(std::string_view raw) {
  for (const char c : raw) {
    if (c == '\\') return ambiguous("the path has a backslash");
    if (c == '?' || c == '#') return bad("the path has a query or fragment");
    if (is_control(c) || c == ' ') return bad("the path has a control character or a space");
  }
  return std::nullopt;
}

Result<void> decode(std::string_view raw, std::string& out) {
  out.clear();
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      out.push_back(raw[i]);
      continue;
    }
    const int byte = encoded_byte(raw, i);
    if (byte < 0) return bad("the path has a `%` that two hexadecimal digits do not follow");
    const char c = static_cast<char>(byte);
    if (c == '/' || c == '\\') return ambiguous("the path has an encoded slash or backslash");
    if (is_control(c)) return ambiguous("the path has an encoded control character");
    out.push_back(c);
    i += 2;
  }
  // What still looks encoded would become something else at a server that decodes twice.
  for (auto at = out.find('%'); at != std::string::npos; at = out.find('%', at + 1)) {
    if (encoded_byte(out, at) >= 0) return ambiguous("the path has something that is encoded twice");
  }
  return {};
}

bool is_dots(std::string_view segment) {
  return segment == "." || segment == "..";
}

// What is left to do once nothing is encoded.
struct Shape {
  bool dots = false;                  // "." or ".." segments
  bool empty = false;                 // "//"
  bool dots_with_parameters = false;  // "..;x"
};

Shape shape_of(std::string_view path) {
  Shape shape;
  for (std::size_t start = 1; start <= path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    const auto segment = path.substr(start, end - start);
    if (segment.empty()) {
      shape.empty = shape.empty || end < path.size();
    } else if (segment.front() == '.') {
      const auto bare = segment.substr(0, segment.find(';'));
      shape.dots = shape.dots || is_dots(segment);
      shape.dots_with_parameters =
          shape.dots_with_parameters || (is_dots(bare) && bare.size() < segment.size());
    } else if (segment.front() == ';') {
      shape.empty = true;  // empty for those who drop parameters
    }
    start = end + 1;
  }
  return shape;
}

// Resolves dot segments in place: the written part is never longer than the read one.
Result<void> resolve_dots(std::string& path) {
  std::size_t written = 0;
  for (std::size_t start = 1; start <= path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    const auto segment = std::string_view(path).substr(start, end - start);
    const bool dots = is_dots(segment);
    if (segment == "..") {
      if (written == 0) return make_error("path_above_root", "the path leads above the root");
      written = path.rfind('/', written - 1);
    } else if (!dots) {
      path[written] = '/';
      path.replace(written + 1, segment.size(), path, start, segment.size());
      written += segment.size() + 1;
    }
    if (dots && end == path.size()) path[written++] = '/';
    start = end + 1;
  }
  path.resize(written);
  return {};
}

}  // namespace

Result<std::string_view> normalize_path(std::string_view raw, std::string& storage) {
  if (raw.empty()) return std::string_view("/");
  if (raw == "*") return raw;
  if (raw.front() != '/') return bad("the path does not begin with a slash");
  if (auto error = forbidden(raw)) return *std::move(error);
  std::string_view path = raw;
  if (raw.find('%') != std::string_view::npos) {
    CALLGATE_TRY(decode(raw, storage));
    path = storage;
  }
  if (!is_utf8(path)) return bad("the path is not UTF-8");
  const Shape shape = shape_of(path);
  if (shape.dots_with_parameters) return ambiguous("the path has a dot segment with parameters");
  if (!shape.dots) return path;
  if (shape.empty) return ambiguous("the path has both dot segments and empty segments");
  if (path.data() != storage.data()) storage.assign(path);
  CALLGATE_TRY(resolve_dots(storage));
  return std::string_view(storage);
}

bool has_second_reading(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == ';') return true;
    if (path[i] == '/' && i + 1 < path.size() && path[i + 1] == '/') return true;
  }
  return false;
}

std::string second_reading(std::string_view path) {
  std::string out;
  for (std::size_t start = 1; start <= path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    auto segment = path.substr(start, end - start);
    segment = segment.substr(0, segment.find(';'));
    if (!segment.empty() || end == path.size()) out.append("/").append(segment);
    start = end + 1;
  }
  return out;
}

}  // namespace callgate::policy
