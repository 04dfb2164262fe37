// Text as protobuf and JSON demand it.
#pragma once

#include <string>
#include <string_view>

namespace callgate::record {

// `text` where it is valid UTF-8, else with U+FFFD for every byte that is not part of a valid sequence.
[[nodiscard]] std::string to_utf8(std::string_view text);

}  // namespace callgate::record
