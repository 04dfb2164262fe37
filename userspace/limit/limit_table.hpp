// Counters of limits in memory that all proxy threads and generations share: a file on tmpfs, so that neither
// the death of a proxy nor a replacement of the agent gives anybody a fresh start.
//
// A period begins with the first charge of a key and lasts as long as the limit says. The table is divided
// into stripes, each under a robust lock: counting and taking a free place are one step, so that counts are
// exact, and a thread that died in the middle of it holds nobody up. A stripe whose counters are all in use
// refuses new keys: what cannot be counted is not allowed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "limit/limit_key.hpp"

namespace callgate::limit {

struct Charge {
  bool granted = false;
  // Where not: "limit_exceeded", "limit_counters_full" or "limit_counters_busy"; outlives everything.
  std::string_view code;
  std::chrono::nanoseconds retry_after{0};  // where not: until the period ends
};

// Any number of threads and processes may use tables of one file at the same time.
class LimitTable {
 public:
  static constexpr std::size_t stripes = 256;
  static constexpr std::size_t counters_per_stripe = 256;

  // The file for map(): opens the one at `path`, or makes one (0600, all of its memory allocated). One that
  // is none, or of another version, is replaced. Errors: system errors.
  [[nodiscard]] static Result<Fd> open_file(const std::string& path);
  // Error limit_table_damaged where the file is none.
  [[nodiscard]] static Result<LimitTable> map(int fd);

  LimitTable(LimitTable&& other) noexcept;
  LimitTable& operator=(LimitTable&& other) noexcept;
  LimitTable(const LimitTable&) = delete;
  LimitTable& operator=(const LimitTable&) = delete;
  ~LimitTable();

  // Counts `amount` under the key, if no more than `most` are counted then. `now` is the monotonic clock's.
  [[nodiscard]] Charge charge(const LimitKey& key, std::uint64_t amount, std::uint64_t most,
                              std::chrono::nanoseconds per, std::chrono::nanoseconds now);
  // Takes back what was charged for something that did not happen.
  void give_back(const LimitKey& key, std::uint64_t amount, std::chrono::nanoseconds now);
  // What is counted under a key at present.
  [[nodiscard]] std::uint64_t used(const LimitKey& key, std::chrono::nanoseconds now);

 private:
  struct Memory;
  explicit LimitTable(Memory* memory) : memory_(memory) {}
  Memory* memory_ = nullptr;  // mapped
};

}  // namespace callgate::limit
