// Deaths in the middle of writing, lost and damaged bytes, and full disks.
#include <array>
#include <csignal>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "../record/temporary.hpp"
#include "base/file.hpp"
#include "traffic.hpp"

namespace callgate::index::test {
namespace {

using callgate::test::TemporaryDirectory;
namespace fs = std::filesystem;

Log make_log(std::uint64_t seed, std::size_t records) {
  Traffic traffic(seed);
  Log log;
  for (; records > 0; --records)
    (void)log.add(1, traffic.record());
  return log;
}

EpochSource source_of(const Log& log) {
  return [&log](const AddEntry& add) -> Result<void> {
    for (const auto& [position, record] : log.records())
      CALLGATE_TRY(add(position, record));
    return {};
  };
}

// Adds the log in parts, each followed by a flush, before which `before_flush` is called.
template <typename BeforeFlush>
void add_in_parts(Index& index, const Log& log, BeforeFlush before_flush) {
  for (Position position = index.next_position(1); position < log.end(1); ++position) {
    if (!index.add(position, log.records().at(position))) std::abort();
    if (entry_of(position) % 1500 != 0) continue;
    before_flush();
    if (!index.flush()) std::abort();
  }
}

// Where no test is about the disk, there is no wait for it.
const char* const memory = "/dev/shm";

void write_bytes(const std::string& path, const std::string& bytes) {
  REQUIRE(replace_file(path, bytes, 0600).has_value());
}

// A file with the log's first full blocks, and nothing beside it.
std::string database_of(const Log& log) {
  const TemporaryDirectory directory(memory);
  auto index = Index::open({directory.path()}).value();
  add_in_parts(*index, log, [] {});
  index.reset();
  REQUIRE_FALSE(fs::exists(directory / "index-1.db-wal"));
  return read_file(directory / "index-1.db").value();
}

// Opens what is left of an index. Where it does not say that it is damaged, it must agree with the log once
// it was given what it misses. Whether it said so; then it agrees after it was built anew.
bool says_damaged_or_agrees(const std::string& directory, const Log& log) {
  const auto index = Index::open({directory}).value();
  Query slow;
  slow.min_duration_us = 1000;
  slow.function = "http:*";
  slow.host = "*";
  slow.workload = "web";
  const auto ask = [&]() -> Result<void> {
    CALLGATE_TRY(index->flush());
    const auto some = list_all(*index, slow, Sort::longest, most_listed);
    if (!some) return some.error();
    CHECK((*some == log.list(slow, Sort::longest)));
    const auto all = list_all(*index, {}, Sort::oldest, most_listed);
    if (!all) return all.error();
    CHECK((*all == log.list({}, Sort::oldest)));
    return {};
  };
  bool damaged = !index->damaged().empty();
  if (!damaged) {
    catch_up(*index, log, 1);
    const auto answered = ask();
    damaged = !answered;
    if (damaged) CHECK(answered.error().code == "index_damaged");
  }
  if (damaged) {
    CHECK(index->damaged() == std::vector<std::uint64_t>{1});
    CHECK(index->list({}, Sort::newest, {}, 1).error().code == "index_damaged");
    REQUIRE(index->reindex(1, source_of(log), {}).has_value());
    CHECK(index->damaged().empty());
    CHECK(ask().has_value());
  }
  return damaged;
}

TEST_CASE("Killed at any point of a flush, an index is consistent and goes on") {
  const Log log = make_log(21, 30'000);
  const TemporaryDirectory directory(memory);
  Position last = 0;
  // Each child goes on where the one before was killed.
  for (int flushes = 1; flushes < 14; ++flushes) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto index = Index::open({directory.path()});
      if (!index) ::_exit(1);
      add_in_parts(**index, log, [&ends] {
        if (::write(ends[1], "f", 1) != 1) ::_exit(1);
      });
      ::_exit(0);
    }
    ::close(ends[1]);
    char byte = 0;
    for (int seen = 0; seen < flushes && ::read(ends[0], &byte, 1) == 1;)
      ++seen;
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(ends[0]);
    REQUIRE((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
    const auto index = Index::open({directory.path()}).value();
    CHECK(index->damaged().empty());
    CHECK(index->next_position(1) >= last);
    last = index->next_position(1);
  }
  CHECK(entry_of(last) > 0);
  const auto index = Index::open({directory.path()}).value();
  catch_up(*index, log, 1);
  CHECK((list_all(*index, {}, Sort::newest, 5000).value() == log.list({}, Sort::newest)));
}

TEST_CASE("Without the end of SQLite's write-ahead log the newest blocks are missing, and nothing else") {
  const Log log = make_log(22, 20'000);
  const TemporaryDirectory directory(memory);
  auto writer = Index::open({directory.path()}).value();
  add_in_parts(*writer, log, [] {});
  const std::string database = read_file(directory / "index-1.db").value();
  const std::string wal = read_file(directory / "index-1.db-wal").value();
  REQUIRE(wal.size() > 100'000);
  std::uint64_t least = most_entries;
  std::uint64_t most = 0;
  for (std::size_t part = 0; part <= 8; ++part) {
    const TemporaryDirectory copy(memory);
    write_bytes(copy / "index-1.db", database);
    write_bytes(copy / "index-1.db-wal", wal.substr(0, wal.size() * part / 8));
    {
      const auto index = Index::open({copy.path()}).value();
      least = std::min(least, entry_of(index->next_position(1)));
      most = std::max(most, entry_of(index->next_position(1)));
    }
    CHECK_FALSE(says_damaged_or_agrees(copy.path(), log));
  }
  CHECK(least == 0);
  CHECK(most > 4 * most_rows);
}

TEST_CASE("Flipped bytes are found, or change nothing") {
  const Log log = make_log(23, 9500);
  const std::string database = database_of(log);
  Traffic dice(1);
  int damaged = 0;
  for (int trial = 0; trial < 90; ++trial) {
    const TemporaryDirectory directory(memory);
    std::string bytes = database;
    for (std::uint64_t flips = 1 + dice.below(3); flips > 0; --flips) {
      // Every third one in the headers of file and pages.
      const std::size_t at = trial % 3 == 0 ? dice.below(bytes.size() / 8192) * 8192 + dice.below(120)
                                            : dice.below(bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << dice.below(8)));
    }
    write_bytes(directory / "index-1.db", bytes);
    CAPTURE(trial);
    damaged += says_damaged_or_agrees(directory.path(), log) ? 1 : 0;
  }
  CHECK(damaged > 20);
}

TEST_CASE("A file that was cut is found to be, or is given what it misses") {
  const Log log = make_log(24, 9500);
  const std::string database = database_of(log);
  int damaged = 0;
  for (std::size_t part = 0; part < 24; ++part) {
    const TemporaryDirectory directory(memory);
    const std::size_t size = database.size() * part / 24;
    write_bytes(directory / "index-1.db", database.substr(0, part % 2 == 0 ? size : size / 8192 * 8192));
    damaged += says_damaged_or_agrees(directory.path(), log) ? 1 : 0;
  }
  CHECK(damaged > 10);
  const TemporaryDirectory whole(memory);
  write_bytes(whole / "index-1.db", database);
  CHECK_FALSE(says_damaged_or_agrees(whole.path(), log));
}

TEST_CASE("A file that is none of ours, or of another epoch or version, is built anew") {
  const Log log = make_log(25, 5000);
  const std::string database = database_of(log);
  std::string version = database;
  constexpr std::size_t user_version_place = 60;  // 4 bytes, big endian (SQLite's file format, section 1.3)
  version[user_version_place + 3] = 2;
  const Log other = make_log(26, 5000);
  for (const std::string& bytes : {std::string(20'000, 'x'), version}) {
    const TemporaryDirectory directory(memory);
    write_bytes(directory / "index-1.db", bytes);
    CHECK(says_damaged_or_agrees(directory.path(), log));
  }
  const TemporaryDirectory directory(memory);
  write_bytes(directory / "index-2.db", database);
  CHECK(Index::open({directory.path()}).value()->damaged() == std::vector<std::uint64_t>{2});
}

TEST_CASE("An index that another process has open is not taken for damaged") {
  const Log log = make_log(27, 5000);
  const TemporaryDirectory directory;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto index = Index::open({directory.path()});
    if (!index) ::_exit(1);
    add_in_parts(**index, log, [] {});
    if (::write(ends[1], "o", 1) != 1) ::_exit(1);
    for (;;)
      ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  const auto refused = Index::open({directory.path()});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int end : ends)
    ::close(end);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "index_locked");
  CHECK_FALSE(says_damaged_or_agrees(directory.path(), log));
}

// In a process of its own, which mounts a small file system over `directory` for itself alone. What went
// wrong; empty: nothing.
std::string meet_full_disk(const std::string& directory, const std::string& size, const Log& log) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return "unshare";
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", directory.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
    return "mount";
  }
  auto index = Index::open({directory}).value();
  catch_up(*index, log, 1);
  const auto expected = log.list({}, Sort::newest);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto flushed = index->flush();
    if (flushed) return "flushed into a full disk";
    if (flushed.error().code != "disk_full") return flushed.error().code;
    if (list_all(*index, {}, Sort::newest, 5000).value() != expected) return "lost while full";
  }
  if (::mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT, "size=100m") != 0) return "remount";
  if (!index->flush()) return "not flushed into a disk with space";
  if (list_all(*index, {}, Sort::newest, 5000).value() != expected) return "lost when flushed";
  index.reset();
  index = Index::open({directory}).value();
  if (!index->damaged().empty() || entry_of(index->next_position(1)) < 4 * most_rows) return "not stored";
  catch_up(*index, log, 1);
  return list_all(*index, {}, Sort::newest, 5000).value() == expected ? "" : "lost by a restart";
}

TEST_CASE("On a full disk nothing is lost, and everything found, until there is space again") {
  const Log log = make_log(28, 20'000);
  const TemporaryDirectory directory;
  const std::string size = GENERATE("4k", "16k", "40k", "300k");
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string wrong = meet_full_disk(directory.path(), size, log);
    ::_exit(::write(ends[1], wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::array<char, 200> text{};
  const auto read = ::read(ends[0], text.data(), text.size() - 1);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  REQUIRE(read >= 0);
  CHECK(std::string(text.data()) == "");
}

TEST_CASE("What cannot be written for long is refused instead of kept, and taken later") {
  const TemporaryDirectory directory;
  auto index = Index::open({directory.path()}).value();
  const v1::Record unlisted;
  std::uint64_t entry = 0;
  Result<void> added;
  while (entry < 10'000'000 && (added = index->add(make_position(1, entry), unlisted)))
    ++entry;
  REQUIRE_FALSE(added.has_value());
  CHECK(added.error().code == "index_behind");
  CHECK(index->next_position(1) == make_position(1, entry));
  REQUIRE(index->flush().has_value());
  CHECK(index->add(make_position(1, entry), unlisted).has_value());
}

}  // namespace
}  // namespace callgate::index::test
