#include "record/journal.hpp"

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>

#include "temporary.hpp"

namespace callgate::record {
namespace {

class Seen final : public JournalReader {
 public:
  Result<void> batch(const Batch& batch) override {
    texts.push_back(std::to_string(static_cast<int>(batch.kind)) + ":" + std::to_string(batch.number) + ":" +
                    std::string(batch.content));
    return {};
  }
  void damaged(const std::string&, std::uint64_t bytes) override { skipped += bytes; }
  std::uint64_t skipped = 0;
  std::vector<std::string> texts;
};

Batch changes(std::uint64_t number, std::string_view content) {
  return {BatchKind::changes, number, {1, 2}, 8, content};
}

struct Replayed {
  std::vector<std::string> texts;
  std::uint64_t skipped = 0;
};

Replayed replay(const std::string& directory) {
  const auto journal = Journal::open({directory, 1U << 20U}).value();
  Seen seen;
  REQUIRE(journal->replay(seen).has_value());
  return {seen.texts, seen.skipped};
}

TEST_CASE("A journal gives back what was appended, in all segments that are needed") {
  test::TemporaryDirectory directory;
  {
    const auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    REQUIRE(journal->start_segment("first", 0).has_value());
    REQUIRE(journal->append(changes(1, "one")).has_value());
    REQUIRE(journal->append(changes(2, "two")).has_value());
    REQUIRE(journal->start_segment("second", 2).has_value());
    REQUIRE(journal->append(changes(3, "three")).has_value());
    REQUIRE(journal->sync().has_value());
    journal->remove_through(1);
  }
  CHECK(replay(directory.path()).texts ==
        std::vector<std::string>{"1:0:first", "2:1:one", "2:2:two", "1:2:second", "2:3:three"});
  {
    const auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    Seen seen;
    REQUIRE(journal->replay(seen).has_value());
    REQUIRE(journal->start_segment("third", 3).has_value());
    journal->remove_through(2);
  }
  CHECK(replay(directory.path()).texts == std::vector<std::string>{"1:2:second", "2:3:three", "1:3:third"});
}

TEST_CASE("Syncs go on beside appends and new segments") {
  test::TemporaryDirectory directory;
  const auto journal = Journal::open({directory.path(), 1U << 12U}).value();
  REQUIRE(journal->start_segment("s", 0).has_value());
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0;
  std::thread syncing([&] {
    while (!stop) {
      if (!journal->sync()) ++failed;
    }
  });
  for (std::uint64_t number = 1; number < 500; ++number) {
    REQUIRE(journal->append(changes(number, "content of a batch")).has_value());
    if (journal->full()) REQUIRE(journal->start_segment("s", number).has_value());
    journal->remove_through(number / 2);
  }
  stop = true;
  syncing.join();
  CHECK(failed == 0);
}

TEST_CASE("A batch that was torn anywhere is as if it had not been written; those before it stay") {
  test::TemporaryDirectory directory;
  const std::string file = directory / "journal-1.log";
  std::uintmax_t before = 0;
  {
    const auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    REQUIRE(journal->start_segment("s", 0).has_value());
    REQUIRE(journal->append(changes(1, "whole")).has_value());
    before = journal->bytes();
    REQUIRE(journal->append(changes(2, "torn")).has_value());
  }
  const std::vector<std::string> whole{"1:0:s", "2:1:whole", "2:2:torn"};
  CHECK(replay(directory.path()).texts == whole);
  CHECK(replay(directory.path()).skipped == 0);
  for (std::uintmax_t size = std::filesystem::file_size(file) - 1; size >= before; --size) {
    std::filesystem::resize_file(file, size);
    const auto replayed = replay(directory.path());
    REQUIRE(replayed.texts == std::vector<std::string>{whole[0], whole[1]});
    REQUIRE(replayed.skipped == size - before);
  }
}

TEST_CASE("A batch with any byte changed is not believed") {
  test::TemporaryDirectory directory;
  const std::string file = directory / "journal-1.log";
  std::uintmax_t before = 0;
  {
    const auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    REQUIRE(journal->start_segment("s", 0).has_value());
    before = journal->bytes();
    REQUIRE(journal->append(changes(1, "changed")).has_value());
  }
  const auto size = std::filesystem::file_size(file);
  const Fd raw(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  for (auto at = static_cast<off_t>(before); at < static_cast<off_t>(size); ++at) {
    char byte = 0;
    REQUIRE(::pread(raw.get(), &byte, 1, at) == 1);
    const auto flipped = static_cast<char>(byte ^ 1);
    REQUIRE(::pwrite(raw.get(), &flipped, 1, at) == 1);
    REQUIRE(replay(directory.path()).texts == std::vector<std::string>{"1:0:s"});
    REQUIRE(::pwrite(raw.get(), &byte, 1, at) == 1);
  }
  CHECK(replay(directory.path()).texts.size() == 2);
}

}  // namespace
}  // namespace callgate::record
