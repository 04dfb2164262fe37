#include "protocol/http1/writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "protocol/http1/characters.hpp"
#include "protocol/http1/fields.hpp"

namespace callgate::http1 {
namespace {

// Room for a start line's fixed parts and the fields that the writer adds.
constexpr std::size_t fixed_part_size = 256;

// Appends to a string that is grown once, to the most that can be needed, and cut to size at the end of the
// scope.
class Appender {
 public:
  Appender(std::string& out, std::size_t most) : out_(out) {
    const std::size_t begin = out.size();
    out.resize(begin + most);
    at_ = out.data() + begin;
  }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }

  void add(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void add(std::uint64_t number, int base = 10) { at_ = std::to_chars(at_, at_ + 20, number, base).ptr; }
  void add_field(std::string_view name, std::string_view value) {
    add(name);
    add(": ");
    add(value);
    add("\r\n");
  }

 private:
  std::string& out_;
  char* at_;
};

std::size_t size_of(const std::vector<Field>& fields) {
  std::size_t size = 0;
  for (const Field& field : fields)
    size += field.name.size() + field.value.size() + 4;
  return size;
}

bool is_listed(const Head& head, std::string_view name) {
  for (const Field& field : head.fields) {
    if (known_field(field.name) != KnownField::connection) continue;
    if (!for_each_element(field.value,
                          [name](std::string_view option) { return !equals_ignoring_case(option, name); }))
      return true;
  }
  return false;
}

bool names_fields(std::string_view connection_value) {
  return !for_each_element(connection_value, [](std::string_view option) {
    return equals_ignoring_case(option, "keep-alive") || equals_ignoring_case(option, "close");
  });
}

// Calls `keep` for each end-to-end field with what it is.
template <typename Keep>
void for_each_end_to_end(const Head& head, Keep keep) {
  // Most messages list no field in Connection; only the others pay for a look at the list per field.
  const bool lists_fields = std::any_of(head.fields.begin(), head.fields.end(), [](const Field& field) {
    return known_field(field.name) == KnownField::connection && names_fields(field.value);
  });
  for (const Field& field : head.fields) {
    const KnownField known = known_field(field.name);
    switch (known) {
      case KnownField::connection:
      case KnownField::connection_only:
      case KnownField::transfer_encoding:
      case KnownField::upgrade:
        break;
      case KnownField::other:
      case KnownField::host:
      case KnownField::content_length:
      case KnownField::expect:
        if (!lists_fields || !is_listed(head, field.name)) keep(field, known);
        break;
    }
  }
}

}  // namespace

bool is_hop_by_hop(const Head& head, std::string_view field_name) {
  switch (known_field(field_name)) {
    case KnownField::connection:
    case KnownField::connection_only:
    case KnownField::transfer_encoding:
    case KnownField::upgrade:
      return true;
    case KnownField::other:
    case KnownField::host:
    case KnownField::content_length:
    case KnownField::expect:
      break;
  }
  return is_listed(head, field_name);
}

void append_request_head(std::string& out, const RequestHead& head, std::string_view upgrade) {
  Appender to(out, fixed_part_size + upgrade.size() + head.method.size() + head.target.size() +
                       head.authority.size() + head.path.size() + size_of(head.fields));
  to.add(head.method);
  to.add(" ");
  if (head.method == "CONNECT") {
    to.add(head.target);
  } else {
    to.add(head.path);
    if (head.has_query) {
      to.add("?");
      to.add(head.query);
    }
  }
  to.add(" HTTP/1.1\r\n");
  to.add_field("Host", head.authority);
  for_each_end_to_end(head, [&](const Field& field, KnownField known) {
    if (known == KnownField::host || known == KnownField::content_length) return;
    if (known == KnownField::expect && head.minor_version == 0) return;
    to.add_field(field.name, field.value);
  });
  if (head.framing == Framing::chunked) to.add("Transfer-Encoding: chunked\r\n");
  if (head.framing == Framing::length) {
    to.add("Content-Length: ");
    to.add(head.content_length);
    to.add("\r\n");
  }
  if (!upgrade.empty()) {
    to.add_field("Connection", "Upgrade");
    to.add_field("Upgrade", upgrade);
  }
  to.add("\r\n");
}

void append_upgrade_head(std::string& out, const ResponseHead& head, std::string_view protocol) {
  Appender to(out, fixed_part_size + protocol.size() + head.reason.size() + size_of(head.fields));
  to.add("HTTP/1.1 101 ");
  to.add(head.reason);
  to.add("\r\n");
  for_each_end_to_end(head, [&](const Field& field, KnownField known) {
    if (known != KnownField::content_length) to.add_field(field.name, field.value);
  });
  to.add_field("Connection", "Upgrade");
  to.add_field("Upgrade", protocol);
  to.add("\r\n");
}

bool body_ends_connection(const ResponseHead& head, int client_minor_version) {
  return client_minor_version == 0 &&
         (head.framing == Framing::chunked || head.framing == Framing::until_close);
}

void append_response_head(std::string& out, const ResponseHead& head, int client_minor_version, bool close) {
  const bool final = !head.interim();
  const bool keeps_length = head.framing == Framing::none && head.status >= 200 && head.status != 204;
  Appender to(out, fixed_part_size + head.reason.size() + size_of(head.fields));
  to.add("HTTP/1.1 ");
  to.add(static_cast<std::uint64_t>(std::max(head.status, 0)));
  to.add(" ");
  to.add(head.reason);
  to.add("\r\n");
  for_each_end_to_end(head, [&](const Field& field, KnownField known) {
    if (known == KnownField::content_length && !keeps_length) return;
    to.add_field(field.name, field.value);
  });
  const bool unknown_length = head.framing == Framing::chunked || head.framing == Framing::until_close;
  if (unknown_length && client_minor_version > 0) to.add("Transfer-Encoding: chunked\r\n");
  if (head.framing == Framing::length) {
    to.add("Content-Length: ");
    to.add(head.content_length);
    to.add("\r\n");
  }
  if (final) {
    if (close || body_ends_connection(head, client_minor_version)) {
      to.add("Connection: close\r\n");
    } else if (client_minor_version == 0) {
      to.add("Connection: keep-alive\r\n");
    }
  }
  to.add("\r\n");
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  Appender to(out, data.size() + 24);
  to.add(data.size(), 16);
  to.add("\r\n");
  to.add(data);
  to.add("\r\n");
}

void append_last_chunk(std::string& out, const std::vector<Field>& trailers) {
  Appender to(out, size_of(trailers) + 8);
  to.add("0\r\n");
  for (const Field& field : trailers)
    if (!is_forbidden_trailer(field.name)) to.add_field(field.name, field.value);
  to.add("\r\n");
}

std::string make_problem_response(int status, std::string_view json, std::string_view fields,
                                  bool head_request, bool close) {
  std::string out;
  const std::string_view reason = reason_phrase(status);
  {
    Appender to(out, fixed_part_size + reason.size() + fields.size() + json.size());
    to.add("HTTP/1.1 ");
    to.add(static_cast<std::uint64_t>(std::max(status, 0)));
    to.add(" ");
    to.add(reason);
    to.add("\r\nContent-Type: application/problem+json\r\nContent-Length: ");
    to.add(json.size());
    to.add("\r\n");
    to.add(fields);
    to.add(close ? "Connection: close\r\n\r\n" : "\r\n");
    if (!head_request) to.add(json);
  }
  return out;
}

}  // namespace callgate::http1
