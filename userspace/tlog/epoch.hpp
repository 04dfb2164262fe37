// Numbers, names and directories of the epochs of an audit log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tlog/key.hpp"

namespace callgate::tlog {

// Of an entry in all of an audit log: the number of its epoch (24 bits) and its index there (40 bits).
using Position = std::uint64_t;
inline constexpr unsigned position_index_bits = 40;
inline constexpr std::uint32_t most_epochs = (1U << 24U) - 1;

[[nodiscard]] constexpr Position position_of(std::uint32_t epoch, std::uint64_t index) {
  return Position{epoch} << position_index_bits | index;
}
[[nodiscard]] constexpr std::uint32_t epoch_of(Position position) {
  return static_cast<std::uint32_t>(position >> position_index_bits);
}
[[nodiscard]] constexpr std::uint64_t index_of(Position position) {
  return position & ((Position{1} << position_index_bits) - 1);
}

struct Epoch {
  std::uint32_t number = 0;  // from 1
  std::string directory;
  std::uint64_t size = 0;  // entries under its last checkpoint
};

// "000001".
[[nodiscard]] std::string epoch_directory(std::uint32_t number);
// "<name>/1": the origin and the name of the key.
[[nodiscard]] std::string epoch_name(std::string_view log_name, std::uint32_t number);
// The key of an epoch, of the key of the whole log.
[[nodiscard]] VerifierKey epoch_key(const VerifierKey& log_key, std::uint32_t number);
// The number in the name of an epoch of this log; nothing for any other name.
[[nodiscard]] std::optional<std::uint32_t> epoch_in_name(std::string_view log_name, std::string_view origin);

// What lies in the directory of an audit log.
struct EpochListing {
  std::vector<std::uint32_t> epochs;     // ascending
  std::vector<std::uint32_t> set_aside;  // ascending: "000003.damaged"
  std::vector<std::string> half_done;    // names of directories that a beginning or a removal left
};
// Errors: system errors.
[[nodiscard]] Result<EpochListing> list_epochs(const std::string& directory);
// Numbers behind the oldest epoch that are neither there nor set aside.
[[nodiscard]] std::vector<std::uint32_t> missing_epochs(const EpochListing& listing);

inline constexpr const char* set_aside_suffix = ".damaged";
inline constexpr const char* beginning_suffix = ".new";
inline constexpr const char* removal_suffix = ".gone";
// The file that holds the key of the whole log, for those who have no better source.
inline constexpr const char* verifier_key_name = "verifier-key";

}  // namespace callgate::tlog
