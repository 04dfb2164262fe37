#include "record/retention.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "callgate/v1/journal.pb.h"

namespace callgate::record {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
// Further from where it was at the start, the clock is not believed: nothing comes back from a removal.
constexpr std::int64_t believable_jump_ns = 24 * 3600 * static_cast<std::int64_t>(second_ns);

std::int64_t clock_offset_ns() {
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const auto since_boot =
      static_cast<std::uint64_t>(boot.tv_sec) * second_ns + static_cast<std::uint64_t>(boot.tv_nsec);
  return static_cast<std::int64_t>(wall_ns() - since_boot);
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
             std::string::npos;
}

v1::Record expiry(const std::string& why) {
  v1::Record record;
  record.mutable_event()->set_type(v1::Event::TYPE_EXPIRY);
  record.mutable_event()->set_detail(why);
  return record;
}

}  // namespace

Retention::Retention(RetentionOptions options, LogWorker& log, payload::Files& payload)
    : options_(std::move(options)), log_(log), payload_(payload), clock_offset_ns_(clock_offset_ns()) {}

Result<std::unique_ptr<Retention>> Retention::start(RetentionOptions options, LogWorker& log,
                                                    payload::Files& payload) {
  std::unique_ptr<Retention> retention(new Retention(std::move(options), log, payload));
  CALLGATE_TRY(retention->load_holds());
  retention->thread_ = std::thread([&retention = *retention] { retention.run(); });
  return retention;
}

Retention::~Retention() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> Retention::load_holds() {
  struct stat status {};
  if (::stat(options_.holds_file.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error(fmt::format("look at {}", options_.holds_file), errno);
  }
  const auto content = read_file(options_.holds_file);
  if (!content) return content.error();
  v1::Holds holds;
  if (!holds.ParseFromString(*content)) {
    return make_error(
        "holds_damaged",
        fmt::format(
            "{} cannot be read, so nobody knows what must be kept: restore it from a backup, or move it "
            "away and set the holds again (`callgate audit hold`)",
            options_.holds_file));
  }
  for (const auto& hold : holds.holds())
    holds_.push_back({hold.name(), hold.since_ns(), hold.until_ns(), hold.reason()});
  return {};
}

Result<void> Retention::save_holds(const std::vector<Hold>& holds) const {
  v1::Holds saved;
  for (const Hold& hold : holds) {
    auto& to = *saved.add_holds();
    to.set_name(hold.name);
    to.set_since_ns(hold.since_ns);
    to.set_until_ns(hold.until_ns);
    to.set_reason(hold.reason);
  }
  return replace_file(options_.holds_file, saved.SerializeAsString(), 0600);
}

Result<void> Retention::add_hold(const Hold& hold) {
  if (!is_name(hold.name))
    return make_error("invalid", "the name of a hold is 1 to 64 of letters, digits, `-`, `_` and `.`");
  if (hold.since_ns > hold.until_ns) return make_error("invalid", "a hold ends after it begins");
  const std::lock_guard one(work_);  // nothing is removed beside this
  std::vector<Hold> holds = this->holds();
  if (std::any_of(holds.begin(), holds.end(), [&](const Hold& other) { return other.name == hold.name; }))
    return make_error("exists",
                      fmt::format("there is a hold {} already: release it, or take another name", hold.name));
  holds.push_back(hold);
  CALLGATE_TRY(save_holds(holds));
  const std::lock_guard lock(mutex_);
  holds_ = std::move(holds);
  return {};
}

Result<void> Retention::release_hold(const std::string& name) {
  const std::lock_guard one(work_);
  std::vector<Hold> holds = this->holds();
  const auto found =
      std::find_if(holds.begin(), holds.end(), [&](const Hold& hold) { return hold.name == name; });
  if (found == holds.end())
    return make_error("not_found", fmt::format("there is no hold {}: see `callgate audit hold list`", name));
  holds.erase(found);
  CALLGATE_TRY(save_holds(holds));
  const std::lock_guard lock(mutex_);
  holds_ = std::move(holds);
  return {};
}

std::vector<Hold> Retention::holds() const {
  const std::lock_guard lock(mutex_);
  return holds_;
}

// A file takes blocks for a bounded time, and a block what came since the one before it was made, at once.
std::uint64_t Retention::first_ns(const payload::FileInfo& file) const {
  constexpr std::uint64_t slack_s = 600;
  const std::uint64_t span = (static_cast<std::uint64_t>(options_.file_age.count()) + slack_s) * second_ns;
  return file.last_block_ns > span ? file.last_block_ns - span : 0;
}

std::string Retention::holder(std::uint64_t first_ns, std::uint64_t last_ns) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(holds_.begin(), holds_.end(), [&](const Hold& hold) {
    return hold.since_ns <= last_ns && hold.until_ns >= first_ns;
  });
  return found == holds_.end() ? std::string() : found->name;
}

void Retention::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (const auto done = run_now(); !done)
      log_warning("retention_failed", {{"code", done.error().code}, {"detail", done.error().message}});
    lock.lock();
    wake_.wait_for(lock, options_.interval, [this] { return stopping_; });
  }
}

Result<void> Retention::run_now() {
  const std::lock_guard one(work_);
  if (!clock_can_be_trusted()) return {};
  const std::uint64_t now = wall_ns();
  CALLGATE_TRY(expire_payload(now));
  return expire_epochs(now);
}

bool Retention::clock_can_be_trusted() {
  const std::int64_t jump = clock_offset_ns() - clock_offset_ns_;
  if (jump > -believable_jump_ns && jump < believable_jump_ns) return true;
  if (!std::exchange(clock_warned_, true)) {
    log_warning("clock_jumped", {{"seconds", std::to_string(jump / static_cast<std::int64_t>(second_ns))},
                                 {"next", "nothing is removed by age until callgated was restarted"}});
  }
  return false;
}

Result<void> Retention::expire_payload(std::uint64_t now_ns) {
  auto listed = payload_.list();
  if (!listed) return listed.error();
  std::vector<payload::FileInfo>& files = *listed;
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return std::pair(a.last_block_ns, a.number) < std::pair(b.last_block_ns, b.number);
  });
  std::uint64_t total = 0;
  for (const auto& file : files)
    total += file.size;
  for (const auto& file : files) {
    if (held(first_ns(file), file.last_block_ns)) continue;
    const std::uint64_t seconds =
        file.retention != 0 ? file.retention : static_cast<std::uint64_t>(options_.retain.count());
    const bool old = file.last_block_ns / second_ns + seconds < now_ns / second_ns;
    if (!old && total <= options_.payload_size) continue;
    CALLGATE_TRY(remove(file, old ? "older than its policy keeps it" : "over record.payload_size"));
    total -= file.size;
  }
  const bool over = total > options_.payload_size;
  if (over && !std::exchange(over_warned_, true)) {
    log_warning(
        "payload_over_limit",
        {{"bytes", std::to_string(total)},
         {"next", "what is left is held: see `callgate audit hold list`, or raise record.payload_size"}});
  }
  if (!over) over_warned_ = false;
  return {};
}

Result<void> Retention::remove(const payload::FileInfo& file, const std::string& why) {
  v1::Record record = expiry(why);
  v1::Event& event = *record.mutable_event();
  const std::string name = payload::format_file_name({file.retention, file.number});
  event.set_name(name);
  event.set_since_ns(first_ns(file));
  event.set_until_ns(file.last_block_ns);
  event.set_bytes(file.size);
  CALLGATE_TRY(options_.record(std::move(record)));
  payload_.close_file(file.number);
  CALLGATE_TRY(payload_.remove_file(file.number));
  log_info("payload_removed", {{"file", name}, {"bytes", std::to_string(file.size)}, {"why", why}});
  return {};
}

// The oldest epochs go, one after the other, when their last record is older than anything in them is kept.
Result<void> Retention::expire_epochs(std::uint64_t now_ns) {
  const auto epochs = log_.closed_epochs();
  if (!epochs) return epochs.error();
  for (const ClosedEpoch& epoch : *epochs) {
    const std::uint64_t seconds =
        std::max<std::uint64_t>(epoch.retain_seconds, static_cast<std::uint64_t>(options_.retain.count()));
    if (epoch.last_ns / second_ns + seconds >= now_ns / second_ns || held(epoch.first_ns, epoch.last_ns))
      return {};
    v1::Record record = expiry("an epoch of the log, older than anything in it is kept");
    v1::Event& event = *record.mutable_event();
    event.set_name(fmt::format("{:06}", epoch.number));
    event.set_since_ns(epoch.first_ns);
    event.set_until_ns(epoch.last_ns);
    event.set_count(epoch.entries);
    event.set_checkpoint(epoch.checkpoint);
    CALLGATE_TRY(options_.record(std::move(record)));
    log_.remove_epoch(epoch.number);
    log_info("epoch_removed",
             {{"epoch", std::to_string(epoch.number)}, {"entries", std::to_string(epoch.entries)}});
  }
  return {};
}

}  // namespace callgate::record
