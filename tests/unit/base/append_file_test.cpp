#include "base/append_file.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../record/temporary.hpp"
#include "base/file.hpp"

using namespace callgate;

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t large = 512U << 10U;

// Bytes at a chosen place within a page.
class Placed {
 public:
  Placed(std::size_t offset, std::size_t size, unsigned seed)
      : memory_(
            static_cast<std::uint8_t*>(std::aligned_alloc(page, (offset + size + 2 * page) / page * page))),
        bytes_(memory_.get() + offset, size) {
    std::mt19937 random(seed);
    for (std::uint8_t& byte : bytes_)
      byte = static_cast<std::uint8_t>(random());
  }
  [[nodiscard]] iovec vector() const { return {bytes_.data(), bytes_.size()}; }
  [[nodiscard]] std::string text() const { return {bytes_.begin(), bytes_.end()}; }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::span<std::uint8_t> bytes_;
};

// The share of a file that the page cache has.
double cached(const AppendFile& file) {
  const std::size_t pages = (file.size() + page - 1) / page;
  void* const memory = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  REQUIRE(memory != MAP_FAILED);
  std::vector<unsigned char> resident(pages);
  REQUIRE(::mincore(memory, file.size(), resident.data()) == 0);
  ::munmap(memory, file.size());
  const auto count =
      std::count_if(resident.begin(), resident.end(), [](unsigned char r) { return (r & 1U) != 0; });
  return static_cast<double>(count) / static_cast<double>(pages);
}

// The size that no file may pass, for as long as this lives.
class SizeLimit {
 public:
  explicit SizeLimit(std::size_t size) {
    ::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit wanted{size, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &wanted) == 0);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  ~SizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("pieces of any size and place are appended in order, past the page cache or through it") {
  const test::TemporaryDirectory directory;
  auto file = AppendFile::create(directory / "file").value();
  std::mt19937 random(3);
  std::string expected;
  for (unsigned round = 0; round < 40; ++round) {
    std::vector<Placed> pieces;
    std::size_t end = expected.size();
    for (unsigned number = 0; number <= random() % 4; ++number) {
      const std::size_t size = random() % 3 == 0 ? large + random() % large : 1 + random() % 9000;
      // Mostly where the file will have it in a page.
      pieces.emplace_back(random() % 4 == 0 ? random() % page : end % page, size, random());
      end += size;
    }
    std::vector<iovec> vectors;
    for (const Placed& piece : pieces) {
      vectors.push_back(piece.vector());
      expected += piece.text();
    }
    REQUIRE(file.append(vectors).has_value());
    REQUIRE(file.size() == expected.size());
  }
  CHECK(read_file(directory / "file", expected.size()).value() == expected);
}

TEST_CASE("what lies right goes past the page cache, where the file system knows how") {
  const test::TemporaryDirectory directory;
  if (!Fd(::open((directory / "try").c_str(), O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0600))) {
    WARN("the file system knows no direct writes: not checked");
    return;
  }
  auto direct = AppendFile::create(directory / "direct").value();
  auto buffered = AppendFile::create(directory / "buffered").value();
  const Placed head(0, 100, 1);
  const Placed right(100, large, 2);
  const Placed wrong(101, large, 3);
  for (AppendFile* const file : {&direct, &buffered}) {
    std::vector<iovec> pieces{head.vector(), file == &direct ? right.vector() : wrong.vector()};
    REQUIRE(file->append(pieces).has_value());
  }
  // A file system in memory has everything in the cache.
  if (cached(direct) == 1.0) {
    WARN("the file system lies in memory: not checked");
    return;
  }
  CHECK(cached(direct) < 0.1);
  CHECK(cached(buffered) > 0.9);
}

TEST_CASE("a large append that does not fit leaves the file as it was, and works once there is room") {
  const test::TemporaryDirectory directory;
  auto file = AppendFile::create(directory / "file").value();
  const Placed head(0, 1000, 1);
  const Placed body(1000, large, 2);
  std::vector<iovec> pieces{head.vector()};
  REQUIRE(file.append(pieces).has_value());
  {
    const SizeLimit limit(large / 2);
    pieces = {body.vector()};
    CHECK(file.append(pieces).error().code == "disk_full");
  }
  CHECK(file.size() == 1000);
  CHECK(read_file(directory / "file", 2 * large).value() == head.text());
  pieces = {body.vector()};
  REQUIRE(file.append(pieces).has_value());
  CHECK(read_file(directory / "file", 2 * large).value() == head.text() + body.text());
}
