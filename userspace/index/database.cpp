#include "index/database.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace callgate::index {
namespace {

constexpr int longest_value = 8 << 20;

bool no_space(int reason) {
  return reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
}

Error failure(sqlite3* connection) {
  const char* const name = sqlite3_db_filename(connection, "main");
  const std::string path = name == nullptr ? "the index" : name;
  int reason = 0;
  switch (sqlite3_errcode(connection) & 0xff) {
    case SQLITE_FULL:
      return make_error("disk_full",
                        fmt::format("no space to write {}: free space on its file system", path));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make_error("index_locked", fmt::format("another process has {} open: stop it first", path));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    // Our statements are fixed: one that is wrong meets tables that are not ours.
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
      return make_error("index_damaged", fmt::format("{} is damaged ({}): run `callgate audit reindex`", path,
                                                     sqlite3_errmsg(connection)));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      reason = sqlite3_system_errno(connection);
      break;
    default:
      break;
  }
  if (no_space(reason)) {
    return make_error("disk_full", fmt::format("no space to write {}: free space on its file system", path));
  }
  return make_error(
      "index_unavailable",
      fmt::format("cannot use {}: {}{}{}; calls are recorded all the same", path, sqlite3_errmsg(connection),
                  reason == 0 ? "" : ": ", reason == 0 ? "" : std::strerror(reason)));
}

}  // namespace

void Statement::bind(int place, std::uint64_t value) {
  sqlite3_bind_int64(statement_.get(), place, static_cast<sqlite3_int64>(value));
}

void Statement::bind(int place, Bytes bytes) {
  sqlite3_bind_blob64(statement_.get(), place, bytes.data(), bytes.size(), SQLITE_STATIC);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  Error error = failure(sqlite3_db_handle(statement_.get()));
  sqlite3_reset(statement_.get());
  return error;
}

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

Bytes Statement::bytes(int column) const {
  const auto* const data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<Database> Database::open(const std::string& path) {
  Database database(path);
  sqlite3* connection = nullptr;
  // Threads take turns by themselves.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  database.connection_.reset(connection);
  if (connection == nullptr) return make_error("index_unavailable", "no memory for the index");
  if (code != SQLITE_OK) return failure(connection);
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, longest_value);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Result<void> Database::run(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failure(connection_.get());
  }
  return {};
}

Result<Statement> Database::prepare(const char* sql) {
  Statement statement;
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v3(connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) !=
      SQLITE_OK) {
    return failure(connection_.get());
  }
  statement.statement_.reset(prepared);
  return statement;
}

}  // namespace callgate::index
