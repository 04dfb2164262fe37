// How often something was called, when, and an example.
#pragma once

#include <cstdint>
#include <string>

#include "callgate/v1/record.pb.h"

namespace callgate::suggest {

struct Seen {
  std::uint64_t calls = 0;
  std::uint64_t first_ns = 0;  // opened, since 1970
  std::uint64_t last_ns = 0;
  std::uint64_t unfinished = 0;        // that did not complete: they were let go, and failed
  std::uint64_t upgraded = 0;          // answered 101: another protocol went on, such as WebSocket
  std::uint64_t observed_denials = 0;  // that a rule of an observed policy would have denied
  std::string observed_rule;           // "rule no-admin of policy watch", of the first of them
  std::string example;                 // the path of one of them; at most 200 bytes
  std::string session;                 // its session: 16 bytes

  void add(const v1::Record& record, std::string_view path);
  void add(const Seen& other);
};

// "00000003000000010000000000000042".
[[nodiscard]] std::string session_text(const std::string& session);

}  // namespace callgate::suggest
