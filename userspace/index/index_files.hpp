// The names of the index's files, and what lies in its directory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::index {

[[nodiscard]] std::string database_path(const std::string& directory, std::uint64_t epoch);
// Where the database of an epoch is built anew.
[[nodiscard]] std::string new_database_path(const std::string& directory, std::uint64_t epoch);

// The epochs that have a database, ascending. Removes what an interrupted rebuild left behind. System errors.
[[nodiscard]] Result<std::vector<std::uint64_t>> scan_databases(const std::string& directory);

// Removes a database that nobody has open; none is no error. System errors.
[[nodiscard]] Result<void> remove_database(const std::string& path);
// Puts the closed database `from` in the place of `to`, of which nothing is left. System errors.
[[nodiscard]] Result<void> move_database(const std::string& from, const std::string& to,
                                         const std::string& directory);

}  // namespace callgate::index
