// What is kept, and for how long: a thread of its own removes payload and epochs of the log that nobody has
// to keep any more. Each removal is a record first.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "payload/files.hpp"
#include "record/log_worker.hpp"

namespace callgate::record {

// Keeps what is about calls that were opened from `since_ns` to `until_ns`, whatever its age. Times are
// nanoseconds since 1970, both ends included.
struct Hold {
  std::string name;
  std::uint64_t since_ns = 0;
  std::uint64_t until_ns = ~std::uint64_t{0};
  std::string reason;
};

struct RetentionOptions {
  std::string holds_file;
  std::chrono::seconds retain{90L * 24 * 3600};  // where a policy does not say more
  std::uint64_t payload_size = std::uint64_t{8}
                               << 30U;  // bytes of payload; the oldest goes when there is more
  std::chrono::seconds file_age{3600};  // of payload files, as the writer was told
  std::chrono::milliseconds interval{60'000};
  // Makes a record of a removal, and returns when the journal has it.
  std::function<Result<void>(v1::Record)> record;
};

class Retention {
 public:
  // Reads the holds, and starts the thread. The other two outlive this. Error holds_damaged: what is held
  // cannot be known, so nothing may be removed.
  [[nodiscard]] static Result<std::unique_ptr<Retention>> start(RetentionOptions options, LogWorker& log,
                                                                payload::Files& payload);
  ~Retention();
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  // Any thread. What was changed is on disk when these return. Errors: exists, not_found, invalid, system
  // errors.
  [[nodiscard]] Result<void> add_hold(const Hold& hold);
  [[nodiscard]] Result<void> release_hold(const std::string& name);
  [[nodiscard]] std::vector<Hold> holds() const;
  // The name of a hold that covers something of a time; empty: none does.
  [[nodiscard]] std::string holder(std::uint64_t first_ns, std::uint64_t last_ns) const;

  // Does at once what is due; for tests, and after a hold was released.
  [[nodiscard]] Result<void> run_now();

 private:
  Retention(RetentionOptions options, LogWorker& log, payload::Files& payload);
  [[nodiscard]] Result<void> load_holds();
  [[nodiscard]] Result<void> save_holds(const std::vector<Hold>& holds) const;
  // When the oldest of a file can have come.
  [[nodiscard]] std::uint64_t first_ns(const payload::FileInfo& file) const;
  [[nodiscard]] bool held(std::uint64_t first_ns, std::uint64_t last_ns) const {
    return !holder(first_ns, last_ns).empty();
  }
  [[nodiscard]] bool clock_can_be_trusted();
  [[nodiscard]] Result<void> expire_payload(std::uint64_t now_ns);
  [[nodiscard]] Result<void> expire_epochs(std::uint64_t now_ns);
  [[nodiscard]] Result<void> remove(const payload::FileInfo& file, const std::string& why);
  void run();

  RetentionOptions options_;
  LogWorker& log_;
  payload::Files& payload_;
  std::int64_t clock_offset_ns_;  // of the wall clock to the time since boot, at the start
  bool clock_warned_ = false;
  bool over_warned_ = false;

  std::mutex work_;  // one round at a time
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<Hold> holds_;
  std::thread thread_;
};

}  // namespace callgate::record
