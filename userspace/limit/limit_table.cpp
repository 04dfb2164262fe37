#include "limit/limit_table.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace callgate::limit {
namespace {

constexpr std::uint64_t magic = 0x3174696d696c6763;  // "cglimit1"
constexpr std::size_t probes = 32;
// Longer than anybody holds a lock who is not stopped.
constexpr long lock_wait_ns = 20'000'000;

struct Counter {
  LimitKey key;
  std::uint64_t end_ns = 0;  // of the period
  std::uint64_t used = 0;
};

struct Stripe {
  pthread_mutex_t lock;
  std::array<Counter, LimitTable::counters_per_stripe> counters;
};

// The lock of a stripe, for as long as this lives.
class Locked {
 public:
  explicit Locked(Stripe& stripe) : stripe_(stripe) {
    int outcome = ::pthread_mutex_trylock(&stripe.lock);
    if (outcome == EBUSY) {
      timespec until{};
      ::clock_gettime(CLOCK_MONOTONIC, &until);
      until.tv_nsec += lock_wait_ns;
      if (until.tv_nsec >= 1'000'000'000) {
        until.tv_nsec -= 1'000'000'000;
        ++until.tv_sec;
      }
      outcome = ::pthread_mutex_clocklock(&stripe.lock, CLOCK_MONOTONIC, &until);
    }
    // Its last owner died with it. A counter is changed by one store at a time, so what it left can be used.
    if (outcome == EOWNERDEAD) outcome = ::pthread_mutex_consistent(&stripe.lock);
    held_ = outcome == 0;
  }
  ~Locked() {
    if (held_) ::pthread_mutex_unlock(&stripe_.lock);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  explicit operator bool() const { return held_; }

 private:
  Stripe& stripe_;
  bool held_ = false;
};

std::uint64_t count_of(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

struct LimitTable::Memory {
  std::uint64_t magic;
  std::uint64_t size;
  std::array<Stripe, stripes> all;

  Stripe& stripe(const LimitKey& key) { return all[key.words[0] % stripes]; }

  // The counter of the key whose period runs, or null; `free` is then one that could become it, or null.
  static Counter* find(Stripe& stripe, const LimitKey& key, std::uint64_t now, Counter*& free) {
    free = nullptr;
    for (std::size_t i = 0; i < probes; ++i) {
      Counter& counter = stripe.counters[(key.words[1] + i) % counters_per_stripe];
      const bool running = counter.end_ns > now;
      if (running && counter.key == key) return &counter;
      if (!running && free == nullptr) free = &counter;
    }
    return nullptr;
  }
};

namespace {

// Whether the file has the size of a table; system calls of a confined process are enough for it.
Result<bool> has_size(int fd, std::size_t size) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("look at the counters of limits", errno);
  return S_ISREG(status.st_mode) && static_cast<std::size_t>(status.st_size) == size;
}

}  // namespace

Result<Fd> LimitTable::open_file(const std::string& path) {
  Fd existing(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (existing) {
    if (map(existing.get())) return existing;
  }
  // Under another name until it is whole.
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  Fd file(::open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error(fmt::format("create {}", draft), errno);
  if (const int failed = ::posix_fallocate(file.get(), 0, static_cast<off_t>(sizeof(Memory))); failed != 0)
    return system_error(fmt::format("allocate {} bytes for {}", sizeof(Memory), draft), failed);
  void* const mapped = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return system_error(fmt::format("map {}", draft), errno);
  auto* const memory = static_cast<Memory*>(mapped);
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  for (Stripe& stripe : memory->all)
    ::pthread_mutex_init(&stripe.lock, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
  memory->size = sizeof(Memory);
  memory->magic = magic;
  ::munmap(mapped, sizeof(Memory));
  if (::rename(draft.c_str(), path.c_str()) != 0)
    return system_error(fmt::format("put {} in place", path), errno);
  return file;
}

Result<LimitTable> LimitTable::map(int fd) {
  const auto fits = has_size(fd, sizeof(Memory));
  if (!fits) return fits.error();
  const Error damaged = make_error("limit_table_damaged", "the file of the counters of limits is none");
  if (!*fits) return damaged;
  void* const mapped = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return system_error("map the counters of limits", errno);
  LimitTable table(static_cast<Memory*>(mapped));
  if (table.memory_->magic != magic || table.memory_->size != sizeof(Memory)) return damaged;
  return table;
}

LimitTable::LimitTable(LimitTable&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

LimitTable& LimitTable::operator=(LimitTable&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

LimitTable::~LimitTable() {
  if (memory_ != nullptr) ::munmap(memory_, sizeof(Memory));
}

Charge LimitTable::charge(const LimitKey& key, std::uint64_t amount, std::uint64_t most,
                          std::chrono::nanoseconds per, std::chrono::nanoseconds now) {
  Stripe& stripe = memory_->stripe(key);
  const Locked lock(stripe);
  if (!lock) return {false, "limit_counters_busy", std::chrono::seconds(1)};
  Counter* free = nullptr;
  if (Counter* counter = Memory::find(stripe, key, count_of(now), free)) {
    if (counter->used <= most && amount <= most - counter->used) {
      counter->used += amount;
      return {true, {}, {}};
    }
    return {false, "limit_exceeded", std::chrono::nanoseconds(counter->end_ns) - now};
  }
  if (amount > most) return {false, "limit_exceeded", per};
  if (free == nullptr) return {false, "limit_counters_full", std::chrono::seconds(1)};
  // Not running before the last of these stores, whenever this thread dies.
  free->used = amount;
  free->key = key;
  std::atomic_signal_fence(std::memory_order_release);
  free->end_ns = count_of(now + per);
  return {true, {}, {}};
}

void LimitTable::give_back(const LimitKey& key, std::uint64_t amount, std::chrono::nanoseconds now) {
  Stripe& stripe = memory_->stripe(key);
  const Locked lock(stripe);
  if (!lock) return;
  Counter* free = nullptr;
  if (Counter* counter = Memory::find(stripe, key, count_of(now), free))
    counter->used -= std::min(counter->used, amount);
}

std::uint64_t LimitTable::used(const LimitKey& key, std::chrono::nanoseconds now) {
  Stripe& stripe = memory_->stripe(key);
  const Locked lock(stripe);
  Counter* free = nullptr;
  const Counter* counter = lock ? Memory::find(stripe, key, count_of(now), free) : nullptr;
  return counter != nullptr ? counter->used : 0;
}

}  // namespace callgate::limit
