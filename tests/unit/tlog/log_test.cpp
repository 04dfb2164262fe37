// A log on disk: written, read, torn, damaged, and out of space.
#include <atomic>
#include <csignal>
#include <map>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "sample_log.hpp"
#include "scratch.hpp"
#include "tlog/note.hpp"
#include "tlog/reader.hpp"
#include "tlog/writer.hpp"

using namespace callgate;
using namespace callgate::tlog;
using namespace callgate::tlog::testing;

namespace {

std::vector<Hash> leaves_of(std::uint64_t size) {
  std::vector<Hash> leaves;
  for (std::uint64_t i = 0; i < size; ++i)
    leaves.push_back(leaf_hash(as_bytes(entry_of(i))));
  return leaves;
}

Hash naive_root(std::span<const Hash> leaves) {
  if (leaves.empty()) return empty_root();
  if (leaves.size() == 1) return leaves.front();
  std::size_t half = 1;
  while (half * 2 < leaves.size())
    half *= 2;
  return node_hash(naive_root(leaves.first(half)), naive_root(leaves.subspan(half)));
}

// Limits the size of files that this process can write, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("a log holds what was appended, at every border of tiles, and goes on after it was closed") {
  const auto leaves = leaves_of(65'537);
  const Scratch scratch;
  auto log = LogWriter::open(options(scratch.path)).value();
  for (const std::uint64_t size :
       {0U, 1U, 2U, 255U, 256U, 257U, 511U, 512U, 1000U, 65'535U, 65'536U, 65'537U}) {
    INFO(size);
    append(*log, size - log->size());
    REQUIRE(log->checkpoint());

    CHECK(log->last_checkpoint().root == naive_root(std::span(leaves).first(size)));

    const auto reader = LogReader::open(scratch.path, verifier).value();
    CHECK(reader.checkpoint() == log->last_checkpoint());

    std::uint64_t right = 0;
    const auto visited = reader.visit(0, size, [&](std::uint64_t index, Bytes entry) {
      right += index == right && as_text(entry) == entry_of(index) ? 1U : 0U;
      return true;
    });
    CHECK(visited.value() == size);
    CHECK(right == size);
    for (const auto index : {std::uint64_t{0}, size / 2, size - 1}) {
      if (size == 0) continue;
      CHECK(reader.entry(index).value() == entry_of(index));

      CHECK(log->entry(index).value() == entry_of(index));

      const auto proof = reader.prove_inclusion(index).value();
      CHECK(check_inclusion(proof, index, size, leaves[index], log->last_checkpoint().root));

      const auto consistency = reader.prove_consistency(index).value();
      CHECK(check_consistency(consistency, index, naive_root(std::span(leaves).first(index)), size,
                              log->last_checkpoint().root));
    }
    log.reset();
    log = LogWriter::open(options(scratch.path)).value();
    CHECK(log->size() == size);

    CHECK(log->cut_off().files == 0);
  }
}

TEST_CASE("exactly the files that a checkpoint needs are there after it") {
  const Scratch scratch;
  auto log = LogWriter::open(options(scratch.path)).value();
  CHECK(names_in(scratch.path) == std::vector<std::string>{"checkpoint"});

  append(*log, 3);
  CHECK(names_in(scratch.path) == std::vector<std::string>{"checkpoint"});

  REQUIRE(log->checkpoint());

  CHECK(names_in(scratch.path) ==
        std::vector<std::string>{"checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"});

  append(*log, 254);
  REQUIRE(log->checkpoint());

  CHECK(names_in(scratch.path) == std::vector<std::string>{"checkpoint", "tile/0/000", "tile/0/001.p/1",
                                                           "tile/1/000.p/1", "tile/entries/000",
                                                           "tile/entries/001.p/1"});

  append(*log, 255);
  REQUIRE(log->checkpoint());

  CHECK(names_in(scratch.path) == std::vector<std::string>{"checkpoint", "tile/0/000", "tile/0/001",
                                                           "tile/1/000.p/2", "tile/entries/000",
                                                           "tile/entries/001"});

  const auto note = log->checkpoint_note();
  REQUIRE(log->checkpoint());

  CHECK(log->checkpoint_note() == note);
}

TEST_CASE("what no checkpoint covers is cut off when a log is opened, is counted, and its numbers go on") {
  const Scratch scratch;
  auto log = LogWriter::open(options(scratch.path)).value();
  append(*log, 100);
  REQUIRE(log->checkpoint());

  append(*log, 500);
  log.reset();
  // As if a checkpoint had been cut short too.
  write(scratch.path + "/checkpoint.new", "half a check");
  std::filesystem::create_directories(scratch.path + "/tile/entries/002.p");
  write(scratch.path + "/tile/entries/002.p/88", "torn");
  log = LogWriter::open(options(scratch.path)).value();
  CHECK(log->size() == 100);

  CHECK(log->cut_off().entries == 500);

  CHECK(log->cut_off().files == 5);

  CHECK(names_in(scratch.path) == std::vector<std::string>{"checkpoint", "checkpoint.new", "tile/0/000.p/100",
                                                           "tile/entries/000.p/100"});

  append(*log, 500);
  REQUIRE(log->checkpoint());

  CHECK(log->last_checkpoint().root == naive_root(leaves_of(600)));
}

TEST_CASE("files that a later checkpoint replaced, and nobody removed, go when a log is opened") {
  const Scratch scratch;
  auto log = LogWriter::open(options(scratch.path)).value();
  append(*log, 100);
  REQUIRE(log->checkpoint());

  const auto hashes = read(scratch.path + "/tile/0/000.p/100");
  append(*log, 200);
  REQUIRE(log->checkpoint());

  log.reset();
  std::filesystem::create_directories(scratch.path + "/tile/0/000.p");
  write(scratch.path + "/tile/0/000.p/100", hashes);
  log = LogWriter::open(options(scratch.path)).value();
  CHECK(log->cut_off().files == 0);

  CHECK_FALSE(std::filesystem::exists(scratch.path + "/tile/0/000.p"));
}

TEST_CASE("a log that does not verify is not written to, and is left as it is") {
  const Scratch scratch;
  const auto directory = scratch.path + "/log";
  auto log = LogWriter::open(options(directory)).value();
  append(*log, 700);
  REQUIRE(log->checkpoint());

  log.reset();
  const auto refused = [&](CheckDepth depth) {
    const auto opened = LogWriter::open(options(directory, depth));
    return !opened && opened.error().code == "log_damaged" &&
           opened.error().message.find("begins beside it") != std::string::npos;
  };
  const auto files = files_in(directory);
  REQUIRE(files.size() == 8);

  for (const auto& file : files) {
    INFO(file);
    const auto content = read(file);
    auto changed = content;
    changed[changed.size() / 2] ^= 1;
    write(file, changed);
    // Whole tiles of entries are read only where everything is.
    const bool whole = file.ends_with("entries/000") || file.ends_with("entries/001");
    CHECK(refused(CheckDepth::tiles) == !whole);

    CHECK((whole || refused(CheckDepth::tiles)));

    write(file, changed);
    CHECK(refused(CheckDepth::entries));

    CHECK(read(file) == changed);

    std::filesystem::remove(file);
    CHECK(refused(CheckDepth::tiles));

    write(file, content);
    REQUIRE(LogWriter::open(options(directory)).has_value());
  }
}

TEST_CASE("a log of another name or key is not written to") {
  const Scratch scratch;
  REQUIRE(LogWriter::open(options(scratch.path)).has_value());
  auto other = options(scratch.path);
  other.origin = "node.test/2";
  CHECK(LogWriter::open(other).error().code == "log_damaged");

  auto forged = options(scratch.path);
  forged.key = SigningKey::generate().value();
  CHECK(LogWriter::open(forged).error().code == "log_damaged");

  auto unnamed = options(scratch.path);
  unnamed.origin = "a log";
  CHECK(LogWriter::open(unnamed).error().code == "bad_name");
}

TEST_CASE("a log has one writer") {
  const Scratch scratch;
  const auto log = LogWriter::open(options(scratch.path)).value();
  CHECK(LogWriter::open(options(scratch.path)).error().code == "log_in_use");
}

TEST_CASE("entries have a largest size") {
  const Scratch scratch;
  const auto log = LogWriter::open(options(scratch.path)).value();
  CHECK(log->append(as_bytes(std::string(longest_entry + 1, 'x'))).error().code == "entry_too_large");

  CHECK(log->append(as_bytes(std::string(longest_entry, 'x'))).value() == 0);

  CHECK(log->append({}).value() == 1);

  REQUIRE(log->checkpoint());

  const auto reader = LogReader::open(scratch.path, verifier).value();
  CHECK(reader.entry(0).value().size() == longest_entry);

  CHECK(reader.entry(1).value().empty());

  CHECK(reader.entry(2).error().code == "not_found");

  CHECK(log->entry(2).error().code == "not_found");

  CHECK(log->entry(300).error().code == "not_found");
}

TEST_CASE("without space nothing is lost and nothing is numbered anew") {
  const Scratch scratch;
  auto log = LogWriter::open(options(scratch.path)).value();
  append(*log, 10);
  REQUIRE(log->checkpoint());

  {
    const FileSizeLimit limit(64);
    append(*log, 246);  // the tile is full, and stays in memory
    CHECK(log->append(as_bytes("refused")).error().code == "disk_full");

    CHECK(log->checkpoint().error().code == "disk_full");

    CHECK(log->size() == 256);

    CHECK(log->entry(255).value() == entry_of(255));

    CHECK(log->last_checkpoint().size == 10);
  }
  append(*log, 100);
  {
    // Entries fit, and hashes do not.
    const FileSizeLimit limit(3000);
    CHECK(log->checkpoint().error().code == "disk_full");

    append(*log, 1);
    CHECK(log->checkpoint().error().code == "disk_full");
  }
  REQUIRE(log->checkpoint());

  CHECK(log->last_checkpoint().root == naive_root(leaves_of(357)));

  CHECK(names_in(scratch.path) == std::vector<std::string>{"checkpoint", "tile/0/000", "tile/0/001.p/101",
                                                           "tile/1/000.p/1", "tile/entries/000",
                                                           "tile/entries/001.p/101"});

  log.reset();
  CHECK(LogWriter::open(options(scratch.path)).value()->size() == 357);
}

TEST_CASE("a reader goes on with a checkpoint that has been replaced") {
  const Scratch scratch;
  auto log = LogWriter::open(options(scratch.path)).value();
  append(*log, 300);
  REQUIRE(log->checkpoint());

  const auto reader = LogReader::open(scratch.path, verifier).value();
  append(*log, 10);
  REQUIRE(log->checkpoint());

  CHECK(reader.entry(299).value() == entry_of(299));

  CHECK(reader.prove_inclusion(299).has_value());
  append(*log, 1000);
  REQUIRE(log->checkpoint());

  CHECK(reader.size() == 300);

  CHECK(reader.entry(299).value() == entry_of(299));

  CHECK(reader.prove_inclusion(1).has_value());
  CHECK(reader.prove_consistency(77).has_value());
}

TEST_CASE("entries can be read by others while they are appended") {
  const Scratch scratch;
  const auto log = LogWriter::open(options(scratch.path)).value();
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&, i] {
      std::uint64_t next = 0;
      while (!done) {
        const auto size = log->size();
        if (size == 0) continue;
        if (i == 0) {
          const auto entry = log->entry(size - 1);
          if (!entry || *entry != entry_of(size - 1)) ++wrong;
        } else {
          const auto stopped = log->visit(next, [&](std::uint64_t index, Bytes entry) {
            if (index != next++ || as_text(entry) != entry_of(index)) ++wrong;
            return true;
          });
          if (!stopped || *stopped != next) ++wrong;
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    append(*log, 137);
    REQUIRE(log->checkpoint());
  }
  done = true;
  for (auto& reader : readers)
    reader.join();
  CHECK(wrong == 0);
}
