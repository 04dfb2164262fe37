#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "tlog/audit_log.hpp"
#include "tlog/note.hpp"
#include "tlog/reader.hpp"

namespace callgate::tlog {
namespace {

// Epochs go from the beginning only.
Result<void> check_gaps(const EpochListing& listing, const std::string& directory) {
  const auto missing = missing_epochs(listing);
  if (missing.empty()) return {};
  return make_error(
      "log_damaged",
      fmt::format("epoch {0} of the audit log is missing between others, so nothing is appended to any: "
                  "restore {1}/{2} from a backup; or say that it is lost with: mkdir {1}/{2}{3}",
                  missing.front(), directory, epoch_directory(missing.front()), set_aside_suffix));
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(AuditLogOptions options) {
  if (!is_key_name(epoch_name(options.name, most_epochs))) {
    return make_error("bad_name",
                      fmt::format("`{}` cannot name a log: it is empty, too long or not UTF-8, or holds "
                                  "a space or `+`",
                                  options.name));
  }
  auto key = SigningKey::load_or_create(options.key_file);
  if (!key) return key.error();
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options), std::move(*key)));
  CALLGATE_TRY(log->lock());
  CALLGATE_TRY(log->remove_half_done());
  CALLGATE_TRY(log->load());
  CALLGATE_TRY(log->write_verifier_key());
  return log;
}

// The lock goes with the descriptor.
Result<void> AuditLog::lock() {
  const auto& directory = options_.directory;
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(fmt::format("create {}", directory), errno);
  }
  lock_ = Fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) return system_error(fmt::format("open {}", directory), errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_error(fmt::format("lock {}", directory), errno);
  return make_error("log_in_use", fmt::format("another process writes to the audit log in {}", directory));
}

// What never came into use, or has left it.
Result<void> AuditLog::remove_half_done() {
  const auto listing = list_epochs(options_.directory);
  if (!listing) return listing.error();
  for (const auto& name : listing->half_done) {
    std::error_code failure;
    const auto path = options_.directory + "/" + name;
    std::filesystem::remove_all(path, failure);
    if (failure) return system_error(fmt::format("remove {}", path), failure.value());
  }
  return {};
}

Result<void> AuditLog::load() {
  const auto listing = list_epochs(options_.directory);
  if (!listing) return listing.error();
  const auto newest = listing->epochs.empty() ? 0 : listing->epochs.back();
  const auto aside = listing->set_aside.empty() ? 0 : listing->set_aside.back();
  CALLGATE_TRY(check_gaps(*listing, options_.directory));
  auto older = listing->epochs;
  if (newest > aside) older.pop_back();
  CALLGATE_TRY(load_older(older));
  // Numbers are not used twice: a checkpoint of what was set aside would speak against its successor.
  if (newest > aside) return open_epoch(newest);
  return begin_epoch(aside + 1, aside == 0 ? std::string() : previous_note(aside));
}

Result<void> AuditLog::load_older(const std::vector<std::uint32_t>& numbers) {
  for (const auto number : numbers) {
    const auto directory = options_.directory + "/" + epoch_directory(number);
    const auto log = LogReader::open(directory, epoch_key(verifier_, number));
    if (!log) {
      return make_error(
          "log_damaged",
          fmt::format("epoch {0} of the audit log does not verify, so nothing is appended to any: {1}. "
                      "Restore it from a backup; or set it aside with: mv {2} {2}{3}",
                      number, log.error().message, directory, set_aside_suffix));
    }
    epochs_.push_back({number, directory, log->size()});
  }
  return {};
}

// The last checkpoint of an epoch that was set aside, where that much of it verifies.
std::string AuditLog::previous_note(std::uint32_t number) const {
  const auto directory = options_.directory + "/" + epoch_directory(number) + set_aside_suffix;
  const auto log = LogReader::open(directory, epoch_key(verifier_, number));
  return log ? log->checkpoint_note() : std::string();
}

LogOptions AuditLog::log_options(std::uint32_t number, std::string directory) const {
  return {std::move(directory), epoch_name(options_.name, number), key_, options_.depth};
}

// Made beside, with its first entry under its first checkpoint, and put in place in one step: whatever stops
// this leaves nothing that counts.
Result<void> AuditLog::begin_epoch(std::uint32_t number, std::string_view previous_note) {
  if (number > most_epochs) return make_error("too_many", "the audit log has no numbers left for its epochs");
  const auto directory = options_.directory + "/" + epoch_directory(number);
  const auto draft = directory + beginning_suffix;
  std::error_code failure;
  std::filesystem::remove_all(draft, failure);
  if (failure) return system_error(fmt::format("remove {}", draft), failure.value());
  {
    auto log = LogWriter::open(log_options(number, draft));
    if (!log) return log.error();
    if (number > 1) {
      const auto appended = (*log)->append(as_bytes(options_.first_leaf(previous_note)));
      if (!appended) return appended.error();
      CALLGATE_TRY((*log)->checkpoint());
    }
  }
  if (std::rename(draft.c_str(), directory.c_str()) != 0) {
    return system_error(fmt::format("rename {} to {}", draft, directory), errno);
  }
  broken_ = true;
  if (::fsync(lock_.get()) != 0) return system_error(fmt::format("sync {}", options_.directory), errno);
  CALLGATE_TRY(open_epoch(number));
  broken_ = false;
  return {};
}

Result<void> AuditLog::open_epoch(std::uint32_t number) {
  auto opened = LogWriter::open(log_options(number, options_.directory + "/" + epoch_directory(number)));
  if (!opened) return opened.error();
  std::shared_ptr<LogWriter> log = std::move(*opened);
  if (current_ == nullptr) cut_off_ = log->cut_off();
  started_ = 0;
  if (log->size() > 0) {
    const auto first = log->entry(0);
    if (!first) return first.error();
    note_start(as_bytes(*first));
  }
  const std::lock_guard lock(mutex_);
  epochs_.push_back({number, log->directory(), log->size()});
  note_ = log->checkpoint_note();
  current_ = std::move(log);
  return {};
}

Result<void> AuditLog::write_verifier_key() const {
  const auto path = options_.directory + "/" + verifier_key_name;
  const auto text = verifier_.text() + "\n";
  const auto there = read_if_there(path, 4096);
  if (there && *there == text) return {};
  return replace_file(path, text, 0644);
}

}  // namespace callgate::tlog
