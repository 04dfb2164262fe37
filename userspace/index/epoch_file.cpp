#include "index/epoch_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "base/fd.hpp"
#include "index/little_endian.hpp"

namespace callgate::index {
namespace {

// Changes with anything that a file holds; one of another version is rebuilt.
constexpr std::uint64_t format_version = 1;

// The ids of a block's pieces are consecutive; its summary has an id that no piece has.
constexpr std::uint64_t ids_per_block = 32;
constexpr std::uint64_t summary_place = ids_per_block - 1;
static_assert(piece_count < summary_place);

std::uint64_t stored_id(std::uint64_t number, std::uint64_t place) {
  return number * ids_per_block + place;
}

constexpr const char* settings =
    "PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;";
constexpr const char* schema =
    "BEGIN IMMEDIATE; PRAGMA user_version = 1;"
    "CREATE TABLE blocks (number INTEGER PRIMARY KEY, summary BLOB NOT NULL);"
    "CREATE TABLE pieces (id INTEGER PRIMARY KEY, data BLOB NOT NULL); COMMIT;";

Error damaged_file(const std::string& path) {
  return make_error("index_damaged", fmt::format("{} is damaged: run `callgate audit reindex`", path));
}

Result<std::uint64_t> ask_number(Database& database, const char* sql) {
  auto statement = database.prepare(sql);
  if (!statement) return statement.error();
  const auto row = statement->step();
  if (!row) return row.error();
  return *row ? statement->number(0) : 0;
}

Result<void> prepare(Database& database, const char* sql, Statement& statement) {
  auto prepared = database.prepare(sql);
  if (!prepared) return prepared.error();
  statement = std::move(*prepared);
  return {};
}

// The file as SQLite is to find it: ours alone to read.
Result<void> touch(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file) return {};
  if (errno == ENOSPC || errno == EDQUOT) {
    return make_error("disk_full", fmt::format("no space to write {}: free space on its file system", path));
  }
  return system_error(fmt::format("open {}", path), errno);
}

}  // namespace

// Runs `action` on the open file, and remembers damage that it finds.
template <typename Action>
auto EpochFile::exclusively(Action action) -> decltype(action()) {
  const std::lock_guard lock(mutex_);
  if (!open_) return make_error("index_changed", "the index was rebuilt meanwhile: ask again");
  auto result = action();
  if (!result && result.error().code == "index_damaged") set_damaged();
  return result;
}

Result<std::unique_ptr<EpochFile>> EpochFile::open(const std::string& path, std::uint64_t epoch) {
  CALLGATE_TRY(touch(path));
  std::unique_ptr<EpochFile> file(new EpochFile(epoch));
  CALLGATE_TRY(file->open_database(path));
  return file;
}

Result<void> EpochFile::open_database(const std::string& path) {
  auto database = Database::open(path);
  if (!database) return database.error();
  CALLGATE_TRY(database->run(settings));
  const auto tables = ask_number(*database, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  auto version = ask_number(*database, "PRAGMA user_version");
  if (!version) return version.error();
  if (*tables == 0 && *version == 0) {
    CALLGATE_TRY(database->run(schema));
    version = format_version;
  }
  if (*version != format_version) return damaged_file(path);

  Open open{std::move(*database), {}, {}, {}, {}, {}, {}};
  Database& own = open.database;
  CALLGATE_TRY(prepare(own, "SELECT number, summary FROM blocks ORDER BY number", open.summaries));
  CALLGATE_TRY(prepare(own, "INSERT INTO blocks (number, summary) VALUES (?, ?)", open.insert_block));
  CALLGATE_TRY(prepare(own, "INSERT INTO pieces (id, data) VALUES (?, ?)", open.insert_piece));
  CALLGATE_TRY(prepare(own, "SELECT data FROM pieces WHERE id = ?", open.read_piece));
  CALLGATE_TRY(prepare(own, "DELETE FROM blocks WHERE number >= ?", open.remove_blocks));
  CALLGATE_TRY(prepare(own, "DELETE FROM pieces WHERE id >= ?", open.remove_pieces));
  open_.emplace(std::move(open));
  return {};
}

std::uint32_t EpochFile::checksum(Bytes bytes, std::uint64_t id) const {
  std::string place;
  append_number<std::uint64_t>(place, epoch_);
  append_number<std::uint64_t>(place, id);
  return crc32c(bytes, crc32c(as_bytes(place)));
}

Result<std::string> EpochFile::checked(Bytes stored, std::uint64_t id) const {
  if (stored.size() < sizeof(std::uint32_t)) return damaged_file(open_->database.path());
  const Bytes bytes = stored.first(stored.size() - sizeof(std::uint32_t));
  if (number_at<std::uint32_t>(stored, bytes.size()) != checksum(bytes, id)) {
    return damaged_file(open_->database.path());
  }
  return std::string(as_text(bytes));
}

Result<std::vector<Summary>> EpochFile::summaries() {
  return exclusively([this]() -> Result<std::vector<Summary>> {
    std::vector<Summary> found;
    std::uint64_t entry = 0;
    for (;;) {
      const auto row = open_->summaries.step();
      if (!row) return row.error();
      if (!*row) return found;
      const std::uint64_t number = open_->summaries.number(0);
      const auto bytes = checked(open_->summaries.bytes(1), stored_id(number, summary_place));
      auto summary = bytes ? decode_summary(as_bytes(*bytes), number) : Result<Summary>(bytes.error());
      if (!summary || number != found.size() || summary->first != entry) {
        open_->summaries.reset();
        return damaged_file(open_->database.path());
      }
      entry = summary->end;
      found.push_back(*summary);
    }
  });
}

Result<void> EpochFile::insert(const Block& block) {
  const std::uint64_t number = block.summary.number;
  std::string summary = encode_summary(block.summary);
  append_number<std::uint32_t>(summary, checksum(as_bytes(summary), stored_id(number, summary_place)));
  open_->insert_block.bind(1, number);
  open_->insert_block.bind(2, as_bytes(summary));
  if (const auto done = open_->insert_block.step(); !done) return done.error();
  for (std::size_t piece = 0; piece < piece_count; ++piece) {
    const std::uint64_t id = stored_id(number, piece);
    std::string data = block.pieces[piece];
    append_number<std::uint32_t>(data, checksum(as_bytes(data), id));
    open_->insert_piece.bind(1, id);
    open_->insert_piece.bind(2, as_bytes(data));
    if (const auto done = open_->insert_piece.step(); !done) return done.error();
  }
  return {};
}

Result<void> EpochFile::append(const std::vector<std::shared_ptr<const Block>>& blocks) {
  return exclusively([this, &blocks]() -> Result<void> {
    CALLGATE_TRY(open_->database.run("BEGIN IMMEDIATE"));
    Result<void> done;
    for (const auto& block : blocks)
      if (done) done = insert(*block);
    if (done) done = open_->database.run("COMMIT");
    // SQLite may have rolled back by itself, and then there is nothing to take back.
    if (!done) (void)open_->database.run("ROLLBACK");
    return done;
  });
}

Result<void> EpochFile::remove_from(std::uint64_t number) {
  return exclusively([this, number]() -> Result<void> {
    CALLGATE_TRY(open_->database.run("BEGIN IMMEDIATE"));
    open_->remove_blocks.bind(1, number);
    open_->remove_pieces.bind(1, stored_id(number, 0));
    Result<void> done;
    for (Statement* statement : {&open_->remove_blocks, &open_->remove_pieces})
      if (const auto removed = statement->step(); !removed && done) done = removed.error();
    if (done) done = open_->database.run("COMMIT");
    if (!done) (void)open_->database.run("ROLLBACK");
    return done;
  });
}

Result<std::string> EpochFile::read(std::uint64_t number, std::size_t piece) {
  return exclusively([this, number, piece]() -> Result<std::string> {
    const std::uint64_t id = stored_id(number, piece);
    open_->read_piece.bind(1, id);
    const auto row = open_->read_piece.step();
    if (!row) return row.error();
    if (!*row) return damaged_file(open_->database.path());
    auto content = checked(open_->read_piece.bytes(0), id);
    open_->read_piece.reset();
    return content;
  });
}

void EpochFile::close() {
  const std::lock_guard lock(mutex_);
  open_.reset();
}

}  // namespace callgate::index
