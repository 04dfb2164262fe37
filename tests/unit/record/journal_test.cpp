#include "record/journal.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>

#include "temporary.hpp"

namespace callgate::record {
namespace {

class Seen final : public JournalReader {
 public:
  Result<void> batch(const Batch& batch) override {
    texts.push_back(std::to_string(static_cast<int>(batch.kind)) + ":" + std::to_string(batch.number) + ":" +
                    std::string(batch.notes) + ":" + std::string(as_text(batch.events)));
    return {};
  }
  std::vector<std::string> texts;
};

Batch events(std::uint64_t number, std::string_view bytes) {
  Batch batch;
  batch.number = number;
  batch.ring = {1, 2};
  batch.ring_position = 8;
  batch.notes = "n";
  batch.events = as_bytes(bytes);
  return batch;
}

std::vector<std::string> replay(const std::string& directory) {
  auto journal = Journal::open({directory, 1U << 20U}).value();
  Seen seen;
  REQUIRE(journal.replay(seen).has_value());
  return seen.texts;
}

TEST_CASE("A journal gives back what was appended, from its newest snapshot on") {
  test::TemporaryDirectory directory;
  {
    auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    REQUIRE(journal.start_segment("first", 0).has_value());
    REQUIRE(journal.append(events(1, "gone")).has_value());
    REQUIRE(journal.start_segment("second", 1).has_value());
    REQUIRE(journal.append(events(2, "kept")).has_value());
    REQUIRE(journal.sync().has_value());
  }
  CHECK(replay(directory.path()) == std::vector<std::string>{"1:1:second:", "2:2:n:kept"});
  CHECK_FALSE(std::filesystem::exists(directory / "journal-1.log"));
}

TEST_CASE("A batch that was torn anywhere is as if it had not been written; those before it stay") {
  test::TemporaryDirectory directory;
  const std::string file = directory / "journal-1.log";
  std::uintmax_t before = 0;
  {
    auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    REQUIRE(journal.start_segment("s", 0).has_value());
    REQUIRE(journal.append(events(1, "whole")).has_value());
    before = journal.bytes();
    REQUIRE(journal.append(events(2, "torn")).has_value());
  }
  const std::vector<std::string> whole{"1:0:s:", "2:1:n:whole", "2:2:n:torn"};
  CHECK(replay(directory.path()) == whole);
  for (std::uintmax_t size = std::filesystem::file_size(file) - 1; size >= before; --size) {
    std::filesystem::resize_file(file, size);
    REQUIRE(replay(directory.path()) == std::vector<std::string>{whole[0], whole[1]});
  }
}

TEST_CASE("A batch with any byte changed is not believed") {
  test::TemporaryDirectory directory;
  const std::string file = directory / "journal-1.log";
  std::uintmax_t before = 0;
  {
    auto journal = Journal::open({directory.path(), 1U << 20U}).value();
    REQUIRE(journal.start_segment("s", 0).has_value());
    before = journal.bytes();
    REQUIRE(journal.append(events(1, "changed")).has_value());
  }
  const auto size = std::filesystem::file_size(file);
  const Fd raw(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  for (auto at = static_cast<off_t>(before); at < static_cast<off_t>(size); ++at) {
    char byte = 0;
    REQUIRE(::pread(raw.get(), &byte, 1, at) == 1);
    const auto flipped = static_cast<char>(byte ^ 1);
    REQUIRE(::pwrite(raw.get(), &flipped, 1, at) == 1);
    REQUIRE(replay(directory.path()) == std::vector<std::string>{"1:0:s:"});
    REQUIRE(::pwrite(raw.get(), &byte, 1, at) == 1);
  }
  CHECK(replay(directory.path()).size() == 2);
}

}  // namespace
}  // namespace callgate::record
