#include "protocol/http1/target.hpp"

#include <array>

#include <arpa/inet.h>

#include "protocol/http1/characters.hpp"
#include "protocol/http1/lines.hpp"
#include "protocol/http1/problems.hpp"

namespace callgate::http1 {
namespace {

constexpr std::size_t max_method_size = 32;
constexpr std::size_t max_host_size = 255;

const Problem* read_port(std::string_view text, int& port) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return &problem::bad_port;
  int value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return &problem::bad_port;
    value = value * 10 + (c - '0');
  }
  if (value > 65535) return &problem::bad_port;
  port = value;
  return nullptr;
}

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN + 1> copy{};
  if (text.size() >= copy.size() || text.find('\0') != text.npos) return false;
  text.copy(copy.data(), text.size());
  in6_addr address{};
  return ::inet_pton(AF_INET6, copy.data(), &address) == 1;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= max_host_size && text.front() != '.' &&
         text.find("..") == text.npos && skip(class_host, text, 0) == text.size();
}

const Problem* read_version(std::string_view version, RequestHead& out) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    out.minor_version = version.back() - '0';
    return nullptr;
  }
  const bool well_formed = version.size() == 8 && version.substr(0, 5) == "HTTP/" && is_digit(version[5]) &&
                           version[6] == '.' && is_digit(version[7]);
  return well_formed ? &problem::unsupported_version : &problem::bad_version;
}

// Path and query of `text`, which begins with '/' or '?' or is empty.
const Problem* read_path(std::string_view text, RequestHead& out) {
  std::size_t query = text.npos;
  for (std::size_t at = skip(class_target, text, 0); at < text.size();
       at = skip(class_target, text, at + 1)) {
    switch (text[at]) {
      case '?':
        if (query == text.npos) query = at;
        break;
      case '%':
        if (text.size() - at < 3 || !is_a(class_hex, text[at + 1]) || !is_a(class_hex, text[at + 2]))
          return &problem::bad_percent_encoding;
        break;
      case '#':
        return &problem::fragment_in_target;
      case '\\':
        // Some servers take a backslash in a path for a slash.
        if (query == text.npos) return &problem::bad_target;
        break;
      case '\r':
        return &problem::bare_cr;
      default:
        return &problem::bad_target;
    }
  }
  out.path = text.substr(0, query);
  out.has_query = query != text.npos;
  out.query = out.has_query ? text.substr(query + 1) : std::string_view{};
  return nullptr;
}

const Problem* read_absolute(std::string_view target, RequestHead& out) {
  const std::size_t separator = target.find("://");
  if (separator == target.npos) return &problem::bad_target;
  if (!equals_ignoring_case(target.substr(0, separator), "http")) return &problem::bad_scheme;
  const std::string_view rest = target.substr(separator + 3);
  const std::size_t authority_size = std::min(rest.find_first_of("/?#"), rest.size());
  out.authority = rest.substr(0, authority_size);
  if (out.authority.empty()) return &problem::empty_host;
  if (const Problem* wrong = read_path(rest.substr(authority_size), out)) return wrong;
  // RFC 9112 3.2.1 and 3.2.4: what an absolute target without a path is called in origin form.
  if (out.path.empty()) out.path = out.method == "OPTIONS" && !out.has_query ? "*" : "/";
  return nullptr;
}

}  // namespace

const Problem* read_authority(std::string_view text, Authority& out) {
  out.text = text;
  if (text.empty()) return &problem::empty_host;
  if (text.find('@') != text.npos) return &problem::userinfo;
  std::string_view rest;
  if (text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == text.npos || !is_ipv6(text.substr(1, end - 1))) return &problem::bad_host;
    out.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
    if (out.host.empty()) return &problem::empty_host;
    if (!is_name(out.host)) return &problem::bad_host;
    // "a.example." and "a.example" are one name; certificates and policies write it without the dot.
    if (out.host.back() == '.') out.host.remove_suffix(1);
  }
  out.port = -1;
  if (rest.empty()) return nullptr;
  if (rest.front() != ':') return &problem::bad_host;
  return read_port(rest.substr(1), out.port);
}

bool same_authority(const Authority& a, const Authority& b, int default_port) {
  const auto port = [default_port](const Authority& one) { return one.port < 0 ? default_port : one.port; };
  return port(a) == port(b) && equals_ignoring_case(a.host, b.host);
}

const Problem* read_request_line(std::string_view line, RequestHead& out) {
  out.authority = {};
  out.path = {};
  out.query = {};
  out.has_query = false;
  if (line == "PRI * HTTP/2.0") return &problem::http2_preface;
  const std::size_t method_size = skip(class_token, line, 0);
  if (method_size == 0 || method_size == line.size() || line[method_size] != ' ') {
    if (line.find('\r') != line.npos) return &problem::bare_cr;
    return method_size == line.size() && method_size > 0 ? &problem::missing_version : &problem::bad_method;
  }
  if (method_size > max_method_size) return &problem::method_too_long;
  out.method = line.substr(0, method_size);
  const std::size_t last_space = line.rfind(' ');
  if (last_space == method_size) {
    if (line.find('\r') != line.npos) return &problem::bare_cr;
    return &problem::missing_version;
  }
  out.target = line.substr(method_size + 1, last_space - method_size - 1);
  const std::string_view version = line.substr(last_space + 1);
  if (version.find('\r') != version.npos) return &problem::bare_cr;
  if (const Problem* wrong = read_version(version, out)) return wrong;

  const std::string_view target = out.target;
  if (target.empty()) return &problem::bad_target;
  if (out.method == "CONNECT") {
    Authority authority;
    if (const Problem* wrong = read_authority(target, authority)) return wrong;
    if (authority.port < 0) return &problem::bad_port;
    out.authority = target;
    return nullptr;
  }
  if (target.front() == '/') return read_path(target, out);
  if (target == "*") {
    out.path = target;
    return out.method == "OPTIONS" ? nullptr : &problem::asterisk_not_options;
  }
  return read_absolute(target, out);
}

}  // namespace callgate::http1
