#include "protocol/tls/hello.hpp"

#include <algorithm>
#include <array>

#include "base/address.hpp"
#include "protocol/tls/cursor.hpp"

namespace callgate::tls {
namespace {

constexpr std::uint8_t alert_content = 21;
constexpr std::uint8_t handshake_content = 22;
constexpr std::uint8_t client_hello_type = 1;
constexpr std::uint8_t server_hello_type = 2;
constexpr std::uint16_t server_name_extension = 0;
constexpr std::uint16_t protocols_extension = 16;
constexpr std::uint16_t versions_extension = 43;
constexpr std::uint16_t encrypted_hello_extension = 0xfe0d;
constexpr std::size_t record_header = 5;
constexpr std::size_t largest_record = (1U << 14U);
constexpr std::size_t message_header = 4;

constexpr Problem malformed{"bad_client_hello", "the caller's ClientHello is not well-formed",
                            Alert::decode_error};
constexpr Problem malformed_answer{"bad_server_hello", "the target's ServerHello is not well-formed",
                                   Alert::decode_error};

// A handshake message put together from the records that carry it.
struct Message {
  std::string body;  // without its header
  std::size_t needed = 0;
  std::optional<Problem> problem;
  bool complete = false;
};

Message read_message(std::string_view bytes, std::uint8_t type, const Problem& fault,
                     const Problem& oversized) {
  Message message;
  std::string collected;
  std::size_t at = 0;
  while (at <= largest_hello) {
    if (collected.size() >= message_header) {
      Cursor cursor(collected);
      const std::uint64_t found = cursor.number(1);
      const std::uint64_t size = cursor.number(3);
      if (found != type) {
        message.problem = fault;
        return message;
      }
      if (size + record_header + message_header > largest_hello) {
        message.problem = oversized;
        return message;
      }
      if (collected.size() >= message_header + size) {
        message.body = collected.substr(message_header, size);
        message.complete = true;
        return message;
      }
    }
    if (bytes.size() < at + record_header) {
      message.needed = at + record_header;
      break;
    }
    Cursor header(bytes.substr(at, record_header));
    const std::uint64_t content = header.number(1);
    const std::uint64_t major = header.number(1);
    header.number(1);
    const std::uint64_t size = header.number(2);
    // RFC 8446 section 5.1: no handshake record is empty, none is larger than 2^14.
    if (content != handshake_content || major != 3 || size == 0 || size > largest_record) {
      message.problem = fault;
      return message;
    }
    at += record_header;
    // What is there of the record's beginning already tells the size of the message.
    const std::string_view part = bytes.substr(at, size);
    collected.append(part);
    at += size;
    if (part.size() == size) continue;
    std::uint64_t wanted = message_header;
    if (collected.size() >= message_header) {
      Cursor cursor(collected);
      if (cursor.number(1) != type) continue;
      wanted += cursor.number(3);
      if (collected.size() >= wanted || wanted + record_header > largest_hello) continue;
    }
    const std::uint64_t missing = size - part.size();
    message.needed = at - missing + std::min<std::uint64_t>(missing, wanted - collected.size());
    break;
  }
  if (at > largest_hello || message.needed > largest_hello) {
    message.needed = 0;
    message.problem = oversized;
  }
  return message;
}

// The alerts that a server's answer begins with.
struct Alerts {
  std::size_t warnings = 0;  // bytes of them; what comes behind them is still to be read
  std::size_t needed = 0;    // the last one is not complete
  bool fatal = false;
  bool sound = true;
};

// A server may warn, say that it does not know the name (RFC 6066 section 3), and still go on: only a fatal
// alert stands in a ServerHello's place.
Alerts read_alerts(std::string_view bytes) {
  constexpr std::size_t most_warnings = 5;  // as many as OpenSSL bears in a row
  constexpr std::size_t alert_size = 2;
  constexpr std::uint64_t warning_level = 1;
  constexpr std::uint64_t fatal_level = 2;
  Alerts alerts;
  for (std::size_t count = 0; alerts.warnings < bytes.size(); ++count) {
    const std::string_view rest = bytes.substr(alerts.warnings);
    Cursor cursor(rest);
    if (cursor.number(1) != alert_content) break;
    if (rest.size() < record_header) {
      alerts.needed = alerts.warnings + record_header;
      break;
    }
    const std::uint64_t major = cursor.number(1);
    cursor.number(1);
    const std::uint64_t size = cursor.number(2);
    alerts.sound = major == 3 && size == alert_size && count < most_warnings;
    if (!alerts.sound) break;
    if (rest.size() < record_header + alert_size) {
      alerts.needed = alerts.warnings + record_header + alert_size;
      break;
    }
    const std::uint64_t level = cursor.number(1);
    alerts.fatal = level == fatal_level;
    alerts.sound = alerts.fatal || level == warning_level;
    if (alerts.fatal || !alerts.sound) break;
    alerts.warnings += record_header + alert_size;
  }
  return alerts;
}

// RFC 8701.
bool is_grease(std::uint64_t value) {
  return (value & 0x0f0fU) == 0x0a0aU && (value >> 8U) == (value & 0xffU);
}

bool is_name(std::string_view name) {
  constexpr std::size_t longest = 253;
  if (name.empty() || name.size() > longest || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                              c == '.';
                     }) &&
         name.find("..") == std::string_view::npos;
}

// RFC 6066 section 3. One list, one name in it, and that a host's name.
bool read_server_name(std::string_view extension, ClientHello& hello) {
  Cursor cursor(extension);
  Cursor list(cursor.block(2));
  if (!cursor.at_end()) return false;
  const std::uint64_t type = list.number(1);
  const std::string_view name = list.block(2);
  if (!list.at_end() || type != 0) return false;
  hello.server_name.assign(name);
  for (char& c : hello.server_name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (hello.server_name.ends_with('.')) hello.server_name.pop_back();
  return is_name(hello.server_name) && !parse_address(hello.server_name);
}

bool read_versions(std::string_view extension, ClientHello& hello) {
  Cursor cursor(extension);
  Cursor list(cursor.block(1));
  if (!cursor.at_end() || list.at_end()) return false;
  hello.versions.clear();
  while (!list.at_end()) {
    const std::uint64_t version = list.number(2);
    if (list.failed()) return false;
    if (!is_grease(version)) hello.versions.push_back(static_cast<std::uint16_t>(version));
  }
  return true;
}

bool read_protocols(std::string_view extension, ClientHello& hello) {
  Cursor cursor(extension);
  Cursor list(cursor.block(2));
  if (!cursor.at_end() || list.at_end()) return false;
  while (!list.at_end()) {
    const std::string_view protocol = list.block(1);
    if (list.failed() || protocol.empty()) return false;
    const bool grease = protocol.size() == 2 && is_grease(Cursor(protocol).number(2));
    if (!grease) hello.protocols.emplace_back(protocol);
  }
  return true;
}

bool read_extension(std::uint64_t type, std::string_view content, ClientHello& hello) {
  switch (type) {
    case server_name_extension:
      return read_server_name(content, hello);
    case protocols_extension:
      return read_protocols(content, hello);
    case versions_extension:
      return read_versions(content, hello);
    case encrypted_hello_extension:
      hello.encrypted_client_hello = true;
      return true;
    default:
      return true;
  }
}

// Calls `use` with each extension; false if they are not well-formed, if one is there twice, or if `use` says
// so.
template <typename Use>
bool each_extension(Cursor& cursor, Use use) {
  if (cursor.at_end()) return !cursor.failed();  // allowed before TLS 1.3
  Cursor list(cursor.block(2));
  if (!cursor.at_end() || cursor.failed()) return false;
  std::vector<std::uint64_t> seen;
  while (!list.at_end()) {
    const std::uint64_t type = list.number(2);
    const std::string_view content = list.block(2);
    if (list.failed() || std::find(seen.begin(), seen.end(), type) != seen.end()) return false;
    seen.push_back(type);
    if (!use(type, content)) return false;
  }
  return true;
}

}  // namespace

std::uint16_t ClientHello::highest_version() const {
  const auto highest = std::max_element(versions.begin(), versions.end());
  return highest == versions.end() ? std::uint16_t{0} : *highest;
}

Read<ClientHello> read_client_hello(std::string_view bytes) {
  constexpr Problem oversized{"client_hello_too_large", "the caller's ClientHello is larger than 64 KiB",
                              Alert::decode_error};
  Read<ClientHello> read;
  const Message message = read_message(bytes, client_hello_type, malformed, oversized);
  read.needed = message.needed;
  read.problem = message.problem;
  if (!message.complete) return read;
  constexpr std::size_t random_size = 32;
  Cursor cursor(message.body);
  ClientHello hello;
  const std::uint64_t legacy_version = cursor.number(2);
  hello.versions.push_back(static_cast<std::uint16_t>(legacy_version));
  cursor.take(random_size);
  cursor.block(1);                                     // session id
  const std::size_t suites = cursor.block(2).size();   // cipher suites
  const std::size_t methods = cursor.block(1).size();  // compression methods
  const bool sound = !cursor.failed() && suites >= 2 && suites % 2 == 0 && methods >= 1 &&
                     (legacy_version >> 8U) == 3 &&
                     each_extension(cursor, [&](std::uint64_t type, std::string_view content) {
                       return read_extension(type, content, hello);
                     });
  if (sound) {
    read.hello = std::move(hello);
  } else {
    read.problem = malformed;
  }
  return read;
}

Read<ServerHello> read_server_hello(std::string_view bytes) {
  constexpr Problem oversized{"bad_server_hello", "the target's ServerHello is larger than 64 KiB",
                              Alert::decode_error};
  Read<ServerHello> read;
  const Alerts alerts = read_alerts(bytes);
  if (alerts.fatal) {
    read.hello = ServerHello{};
    return read;
  }
  read.needed = alerts.needed;
  if (!alerts.sound) read.problem = malformed_answer;
  if (!alerts.sound || alerts.needed != 0) return read;
  const Message message =
      read_message(bytes.substr(alerts.warnings), server_hello_type, malformed_answer, oversized);
  if (message.needed != 0) read.needed = alerts.warnings + message.needed;
  read.problem = message.problem;
  if (read.needed > largest_hello) {
    read.needed = 0;
    read.problem = oversized;
  }
  if (!message.complete) return read;
  constexpr std::size_t random_size = 32;
  Cursor cursor(message.body);
  std::uint64_t version = cursor.number(2);
  cursor.take(random_size);
  cursor.block(1);   // session id
  cursor.number(2);  // cipher suite
  cursor.number(1);  // compression method
  // A HelloRetryRequest is a ServerHello that says the version in the same place.
  const bool sound =
      !cursor.failed() && each_extension(cursor, [&](std::uint64_t type, std::string_view content) {
        if (type != versions_extension) return true;
        Cursor chosen(content);
        version = chosen.number(2);
        return chosen.at_end() && !chosen.failed();
      });
  if (sound) {
    read.hello = ServerHello{static_cast<std::uint16_t>(version)};
  } else {
    read.problem = malformed_answer;
  }
  return read;
}

std::string version_name(std::uint16_t version) {
  switch (version) {
    case 0x0300:
      return "SSLv3";
    case 0x0301:
      return "TLSv1";
    case 0x0302:
      return "TLSv1.1";
    case version_1_2:
      return "TLSv1.2";
    case version_1_3:
      return "TLSv1.3";
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = "0x";
  for (int shift = 12; shift >= 0; shift -= 4)
    name += digits[(version >> static_cast<unsigned>(shift)) & 0xfU];
  return name;
}

std::string alert_record(Alert alert) {
  constexpr std::array<char, 6> begin = {21, 3, 3, 0, 2, 2};  // fatal
  std::string record(begin.begin(), begin.end());
  record += static_cast<char>(alert);
  return record;
}

}  // namespace callgate::tls
