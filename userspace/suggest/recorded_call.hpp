// A record in the words of policies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"
#include "callgate/v1/record.pb.h"
#include "policy/engine.hpp"

namespace callgate::suggest {

enum class Standing : std::uint8_t {
  used,       // it went on: allowed, or only observed, whatever became of it
  denied,     // policies that were enforced denied it
  undecided,  // it was refused for what it was: no policy can allow it
};

[[nodiscard]] Standing standing_of(const v1::Record& record);

// Views of the record. The path is normalized.
struct RecordedCall {
  std::string_view protocol;  // "http", "tls", "tcp"
  std::string_view method;
  std::string_view host;
  std::uint16_t port = 0;
  std::string_view path;
  std::optional<Address> address;  // that was dialled
  std::uint64_t opened_ns = 0;

  // As Engine::decide takes it; views of this.
  [[nodiscard]] policy::Call call() const;
};

// Errors: no_call (a flow without one), text_cut (the function was too long for the record), bad_path,
// bad_function. The record must outlive the result.
[[nodiscard]] Result<RecordedCall> read_call(const v1::Record& record);

// Who called; the process is empty where it could not be resolved. Views of the record.
[[nodiscard]] policy::Caller caller_of(const v1::Record& record);

}  // namespace callgate::suggest
