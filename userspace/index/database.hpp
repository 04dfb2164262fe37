// SQLite: a connection and its prepared statements as owners, failures as errors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <sqlite3.h>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace callgate::index {

// One thread at a time.
class Statement {
 public:
  Statement() = default;

  // Places are numbered from 1. Bytes must stay until step() has returned.
  void bind(int place, std::uint64_t value);
  void bind(int place, Bytes bytes);
  // Whether there is a row. After the last one the statement can be bound and run again.
  [[nodiscard]] Result<bool> step();
  // Columns are numbered from 0, and bytes stay until the next step() or reset().
  [[nodiscard]] std::uint64_t number(int column) const;
  [[nodiscard]] Bytes bytes(int column) const;
  void reset() { sqlite3_reset(statement_.get()); }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One thread at a time; outlives its statements. Errors: index_damaged (what is there is no database of
// ours), disk_full, index_locked (another process has it open), index_unavailable.
class Database {
 public:
  // A file that is there, empty or a database; its content is looked at by the first statement.
  [[nodiscard]] static Result<Database> open(const std::string& path);

  [[nodiscard]] Result<void> run(const char* sql);
  [[nodiscard]] Result<Statement> prepare(const char* sql);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close(connection); }
  };
  explicit Database(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace callgate::index
