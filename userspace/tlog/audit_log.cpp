#include "tlog/audit_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "tlog/reader.hpp"

namespace callgate::tlog {

void AuditLog::note_start(Bytes first_entry) {
  started_ = options_.entry_time ? options_.entry_time(first_entry) : wall_ns();
}

// What is appended to an epoch after its successor began would not be in the checkpoint that that holds.
Result<void> AuditLog::check_broken() const {
  if (!broken_) return {};
  return make_error("log_broken",
                    fmt::format("the audit log in {} has to be opened anew: a new epoch began, and could "
                                "not be opened",
                                options_.directory));
}

Result<Position> AuditLog::append(Bytes entry) {
  CALLGATE_TRY(check_broken());
  const auto index = current_->append(entry);
  if (!index) return index.error();
  if (*index == 0) note_start(entry);
  return position_of(epochs_.back().number, *index);
}

// An epoch that holds nothing but its first entry goes on, however old it is.
bool AuditLog::is_over() const {
  const auto& epoch = epochs_.back();
  if (epoch.size <= (epoch.number > 1 ? 1U : 0U)) return false;
  const auto now = wall_ns();
  const auto age = static_cast<std::uint64_t>(options_.epoch_age.count());
  return epoch.size >= options_.epoch_records || (now > started_ && now - started_ >= age);
}

Result<void> AuditLog::checkpoint() {
  CALLGATE_TRY(check_broken());
  CALLGATE_TRY(current_->checkpoint());
  {
    const std::lock_guard lock(mutex_);
    epochs_.back().size = current_->last_checkpoint().size;
    note_ = current_->checkpoint_note();
  }
  if (!is_over()) return {};
  return begin_epoch(epochs_.back().number + 1, current_->checkpoint_note());
}

Result<void> AuditLog::remove_epoch(std::uint32_t number) {
  if (number != epochs_.front().number || epochs_.size() == 1) {
    const bool there = std::any_of(epochs_.begin(), epochs_.end(),
                                   [number](const Epoch& epoch) { return epoch.number == number; });
    if (!there) return make_error("not_found", fmt::format("the log has no epoch {}", number));
    return make_error("refused",
                      fmt::format("epoch {} stays: only the oldest epoch ({}) can be removed, and not the "
                                  "one that is written to",
                                  number, epochs_.front().number));
  }
  const auto directory = epochs_.front().directory;
  const auto gone = directory + removal_suffix;
  // In one step: a half removed epoch would be a damaged one.
  if (std::rename(directory.c_str(), gone.c_str()) != 0) {
    return system_error(fmt::format("rename {} to {}", directory, gone), errno);
  }
  {
    const std::lock_guard lock(mutex_);
    epochs_.erase(epochs_.begin());
  }
  std::error_code failure;
  std::filesystem::remove_all(gone, failure);
  if (failure) return system_error(fmt::format("remove {}", gone), failure.value());
  if (::fsync(lock_.get()) != 0) return system_error(fmt::format("sync {}", options_.directory), errno);
  return {};
}

std::shared_ptr<LogWriter> AuditLog::writer_of(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  return epochs_.back().number == number ? current_ : nullptr;
}

Position AuditLog::end() const {
  const std::lock_guard lock(mutex_);
  return position_of(epochs_.back().number, current_->size());
}

std::vector<Epoch> AuditLog::epochs() const {
  const std::lock_guard lock(mutex_);
  return epochs_;
}

std::string AuditLog::checkpoint_note() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

Result<std::string> AuditLog::entry(Position position) const {
  const auto number = epoch_of(position);
  if (const auto writer = writer_of(number)) return writer->entry(index_of(position));
  for (const auto& epoch : epochs()) {
    if (epoch.number == number) return read_entry(epoch.directory, epoch.size, index_of(position));
  }
  return make_error("not_found",
                    fmt::format("the log has no epoch {}: it has expired, or is yet to come", number));
}

Result<Position> AuditLog::visit(Position from, const PositionVisitor& visitor) const {
  for (;;) {
    const auto known = epochs();
    const auto epoch = std::find_if(known.begin(), known.end(),
                                    [from](const Epoch& one) { return one.number >= epoch_of(from); });
    if (epoch == known.end()) return from;
    if (epoch->number > epoch_of(from)) from = position_of(epoch->number, 0);
    bool stopped = false;
    const auto each = [&](std::uint64_t index, Bytes entry) {
      stopped = !visitor(position_of(epoch->number, index), entry);
      return !stopped;
    };
    const auto writer = writer_of(epoch->number);
    const auto next = writer
                          ? writer->visit(index_of(from), each)
                          : visit_entries(epoch->directory, epoch->size, index_of(from), epoch->size, each);
    const auto still = epochs();
    // It expired meanwhile.
    if (!next && still.front().number > epoch->number) continue;
    if (!next) return next.error();
    from = position_of(epoch->number, *next);
    if (stopped || still.back().number == epoch->number) return from;
    // An epoch that is not the newest any more has its end.
    const auto ended = std::find_if(still.begin(), still.end(),
                                    [&](const Epoch& one) { return one.number == epoch->number; });
    if (ended == still.end() || *next >= ended->size) from = position_of(epoch->number + 1, 0);
  }
}

}  // namespace callgate::tlog
