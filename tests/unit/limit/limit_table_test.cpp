#include "limit/limit_table.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace callgate;
using namespace callgate::limit;
using namespace std::chrono_literals;

namespace {

struct File {
  File() : path("/tmp/callgate-limits-" + std::to_string(::getpid())) { std::filesystem::remove(path); }
  ~File() { std::filesystem::remove(path); }
  [[nodiscard]] LimitTable table() const {
    return LimitTable::map(LimitTable::open_file(path).value().get()).value();
  }
  std::string path;
};

const LimitKey key = LimitKey::of({"payments", "refunds", "0", "spiffe://test/w"});

}  // namespace

TEST_CASE("parts of a key are told apart") {
  CHECK(LimitKey::of({"ab", "c"}) == LimitKey::of({"ab", "c"}));
  CHECK_FALSE(LimitKey::of({"ab", "c"}) == LimitKey::of({"a", "bc"}));
  CHECK_FALSE(LimitKey::of({"ab"}) == LimitKey::of({"ab", ""}));
}

TEST_CASE("as many calls as the limit says are granted in a period, and the next one begins afresh") {
  const File file;
  auto table = file.table();
  for (int i = 0; i < 3; ++i)
    CHECK(table.charge(key, 1, 3, 60s, 100s).granted);
  const auto refused = table.charge(key, 1, 3, 60s, 130s);
  CHECK_FALSE(refused.granted);
  CHECK(refused.code == "limit_exceeded");
  CHECK(refused.retry_after == 30s);
  CHECK_FALSE(table.charge(key, 1, 3, 60s, 160s - 1ns).granted);
  CHECK(table.charge(key, 1, 3, 60s, 160s).granted);
  CHECK(table.used(key, 161s) == 1);
  CHECK(table.used(key, 221s) == 0);
}

TEST_CASE("what was given back can be used again, and never more than that") {
  const File file;
  auto table = file.table();
  CHECK(table.charge(key, 2, 2, 60s, 1s).granted);
  CHECK_FALSE(table.charge(key, 1, 2, 60s, 1s).granted);
  table.give_back(key, 1, 1s);
  CHECK(table.charge(key, 1, 2, 60s, 1s).granted);
  table.give_back(key, 100, 1s);
  CHECK(table.used(key, 1s) == 0);
}

TEST_CASE("amounts that overflow are refused") {
  const File file;
  auto table = file.table();
  CHECK(table.charge(key, 10, 100, 60s, 1s).granted);
  CHECK_FALSE(table.charge(key, ~0ULL - 5, 100, 60s, 1s).granted);
  CHECK_FALSE(table.charge(key, 1, 5, 60s, 1s).granted);  // a limit that was lowered below what is used
  CHECK(table.used(key, 1s) == 10);
}

TEST_CASE("keys do not count for each other, and a full table refuses new ones instead of forgetting") {
  const File file;
  auto table = file.table();
  std::size_t granted = 0;
  std::size_t full = 0;
  for (int i = 0; i < 120'000; ++i) {
    const auto charge = table.charge(LimitKey::of({std::to_string(i)}), 1, 1, 60s, 1s);
    if (charge.granted) ++granted;
    if (charge.code == "limit_counters_full") ++full;
  }
  CHECK(granted + full == 120'000);
  CHECK(granted > LimitTable::stripes * LimitTable::counters_per_stripe * 3 / 4);
  CHECK(full > 0);
  CHECK(table.charge(LimitKey::of({"119999"}), 1, 1, 60s, 62s).granted);
}

TEST_CASE("the counts outlive whoever mapped the file, and a file that is no table is replaced") {
  const File file;
  {
    auto table = file.table();
    CHECK(table.charge(key, 1, 1, 60s, 1s).granted);
  }
  CHECK_FALSE(file.table().charge(key, 1, 1, 60s, 2s).granted);
  std::filesystem::resize_file(file.path, 100);
  CHECK(file.table().charge(key, 1, 1, 60s, 2s).granted);
}

TEST_CASE("a file that is no table is not mapped") {
  Fd memory(::memfd_create("none", MFD_CLOEXEC));
  CHECK(LimitTable::map(memory.get()).error().code == "limit_table_damaged");
}

TEST_CASE("threads of several processes together get exactly what the limit says") {
  constexpr std::uint64_t most = 20'000;
  const File file;
  auto table = file.table();
  std::vector<pid_t> children;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  for (int child = 0; child < 3; ++child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      std::atomic<std::uint64_t> granted{0};
      std::vector<std::thread> threads;
      auto own = file.table();
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
          for (int i = 0; i < 4000; ++i) {
            // Neighbours come and go in the same stripe meanwhile.
            if (own.charge(key, 1, most, 3600s, 1s).granted) ++granted;
            LimitKey other = key;
            other.words[1] += static_cast<std::uint64_t>(i % 7);
            (void)own.charge(other, 1, 1, 1ns, std::chrono::nanoseconds(i));
          }
        });
      }
      for (auto& thread : threads)
        thread.join();
      const std::uint64_t count = granted;
      const bool told = ::write(pipe[1], &count, sizeof(count)) == sizeof(count);
      ::_exit(told ? 0 : 1);
    }
    REQUIRE(pid > 0);
    children.push_back(pid);
  }
  std::uint64_t sum = 0;
  for (const pid_t child : children) {
    std::uint64_t count = 0;
    REQUIRE(::read(pipe[0], &count, sizeof(count)) == sizeof(count));
    sum += count;
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
  CHECK(sum == most);
  CHECK(table.used(key, 1s) == most);
}

TEST_CASE("a process that is killed while it counts holds nobody up") {
  const File file;
  auto table = file.table();
  for (int round = 0; round < 20; ++round) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto own = file.table();
      for (std::uint64_t i = 0;; ++i)
        (void)own.charge(key, 1, ~0ULL, 3600s, 1s);
    }
    REQUIRE(pid > 0);
    std::this_thread::sleep_for(2ms);
    ::kill(pid, SIGKILL);
    REQUIRE(::waitpid(pid, nullptr, 0) == pid);
    CHECK(table.charge(key, 1, ~0ULL, 3600s, 1s).granted);
  }
}
