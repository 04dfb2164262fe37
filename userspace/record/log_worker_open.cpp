// What the log's thread does before it runs, and with whole epochs.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "record/log_worker.hpp"
#include "tlog/proof.hpp"
#include "tlog/reader.hpp"

namespace callgate::record {
namespace {

Error not_a_record(index::Position position) {
  return make_error(
      "record_damaged",
      fmt::format("entry {} of epoch {} of the log is no record: check it with `callgate audit verify`",
                  index::entry_of(position), index::epoch_of(position)));
}

// The index holds so many rows that are not written only for a while.
constexpr std::uint64_t entries_between_flushes = 65'536;

}  // namespace

// The newest records are looked at until one came from the journal: an epoch may begin with one that did not.
Result<void> LogWorker::find_last_position() {
  const auto epochs = log_->epochs();
  for (auto epoch = epochs.rbegin(); epoch != epochs.rend(); ++epoch) {
    for (std::uint64_t left = epoch->size; left > 0; --left) {
      const auto position = index::make_position(epoch->number, left - 1);
      const auto entry = log_->entry(position);
      if (!entry) return entry.error();
      v1::Record record;
      if (!record.ParseFromString(*entry)) return not_a_record(position);
      newest_ = std::max<std::uint64_t>(newest_, position);
      if (record.journal_batch() == 0) continue;
      last_position_ = {record.journal_batch(), record.journal_index()};
      last_batch_ = record.journal_batch();
      durable_batch_ = record.journal_batch() - 1;  // of its batch there may be more
      return {};
    }
  }
  return {};
}

// Gives the index what the log has beyond it, and forgets what the log has lost.
Result<void> LogWorker::catch_up_index() {
  const auto epochs = log_->epochs();
  for (const std::uint64_t known : index_->epochs()) {
    const bool exists =
        std::any_of(epochs.begin(), epochs.end(), [&](const auto& epoch) { return epoch.number == known; });
    if (!exists) CALLGATE_TRY(index_->drop(known));
  }
  for (const std::uint64_t number : index_->damaged()) {
    log_warning("index_damaged",
                {{"epoch", std::to_string(number)}, {"next", "it is made anew from the log"}});
    CALLGATE_TRY(index_->drop(number));
  }
  for (const auto& epoch : epochs) {
    const auto end = index::make_position(epoch.number, epoch.size);
    if (index_->next_position(epoch.number) > end) CALLGATE_TRY(index_->truncate(end));
    CALLGATE_TRY(index_epoch(epoch.number));
  }
  return {};
}

Result<void> LogWorker::index_epoch(std::uint64_t number) {
  Result<void> result;
  std::uint64_t added = 0;
  const auto visited = log_->visit(index_->next_position(number), [&](index::Position position, Bytes entry) {
    if (index::epoch_of(position) != number) return false;
    v1::Record record;
    if (!record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))) {
      result = not_a_record(position);
    } else {
      result = index_->add(position, record);
      if (result && ++added % entries_between_flushes == 0) result = index_->flush();
    }
    return result.has_value();
  });
  if (!visited) return visited.error();
  return result;
}

Result<ClosedEpoch> LogWorker::survey(std::uint64_t number) const {
  ClosedEpoch found;
  found.number = number;
  const auto visited =
      log_->visit(index::make_position(number, 0), [&](index::Position position, Bytes entry) {
        if (index::epoch_of(position) != number) return false;
        v1::Record record;
        if (!record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))) {
          // Nobody knows how long it is to be kept.
          found.retain_seconds = ~std::uint32_t{0};
          return true;
        }
        const std::uint64_t closed_ns = std::max(record.opened_ns(), record.closed_ns());
        if (record.opened_ns() != 0 && (found.first_ns == 0 || record.opened_ns() < found.first_ns))
          found.first_ns = record.opened_ns();
        found.last_ns = std::max(found.last_ns, closed_ns);
        found.retain_seconds = std::max(found.retain_seconds, record.retain_seconds());
        ++found.entries;
        return true;
      });
  if (!visited) return visited.error();
  return found;
}

Result<std::vector<ClosedEpoch>> LogWorker::closed_epochs() {
  std::vector<ClosedEpoch> closed;
  const auto epochs = log_->epochs();
  for (std::size_t at = 0; at + 1 < epochs.size(); ++at) {
    std::unique_lock lock(mutex_);
    auto known = surveyed_.find(epochs[at].number);
    if (known == surveyed_.end()) {
      lock.unlock();
      auto found = survey(epochs[at].number);
      if (!found) return found.error();
      const auto note = read_file(epochs[at].directory + "/checkpoint");
      if (!note) return note.error();
      found->checkpoint = *note;
      lock.lock();
      known = surveyed_.emplace(epochs[at].number, std::move(*found)).first;
    }
    closed.push_back(known->second);
  }
  return closed;
}

Result<std::uint64_t> LogWorker::reindex(std::uint32_t number) {
  std::uint64_t entries = 0;
  const auto source = [&](const index::AddEntry& add) -> Result<void> {
    Result<void> result;
    const auto visited =
        log_->visit(index::make_position(number, 0), [&](index::Position position, Bytes entry) {
          if (index::epoch_of(position) != number) return false;
          v1::Record record;
          result = record.ParseFromArray(entry.data(), static_cast<int>(entry.size()))
                       ? add(position, record)
                       : not_a_record(position);
          return result.has_value();
        });
    if (!visited) return visited.error();
    return result;
  };
  CALLGATE_TRY(index_->reindex(number, source, [&](std::uint64_t taken) { entries = taken; }));
  return entries;
}

Result<std::string> LogWorker::prove(index::Position position) const {
  constexpr int tries = 50;
  constexpr auto pause = std::chrono::milliseconds(100);
  const auto number = static_cast<std::uint32_t>(index::epoch_of(position));
  for (int left = tries; left > 0; --left) {
    const auto reader = tlog::LogReader::open(options_.log.directory + "/" + tlog::epoch_directory(number),
                                              tlog::epoch_key(log_->verifier_key(), number));
    if (!reader) return reader.error();
    if (reader->size() > index::entry_of(position)) {
      const auto proof = tlog::make_proof(*reader, index::entry_of(position));
      if (!proof) return proof.error();
      return proof->text();
    }
    std::this_thread::sleep_for(pause);
  }
  return make_error("busy", "the log has no checkpoint yet that covers the record: see `callgate doctor`");
}

void LogWorker::remove_epoch(std::uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    remove_through_ = std::max(remove_through_, number);
  }
  wake_.notify_all();
}

void LogWorker::remove_epochs() {
  std::uint64_t through = 0;
  {
    const std::lock_guard lock(mutex_);
    through = std::exchange(remove_through_, 0);
  }
  const auto epochs = log_->epochs();
  for (std::size_t at = 0; at + 1 < epochs.size() && epochs[at].number <= through; ++at) {
    Result<void> removed = log_->remove_epoch(epochs[at].number);
    if (removed) removed = index_->drop(epochs[at].number);
    if (!removed) {
      log_warning("epoch_not_removed", {{"epoch", std::to_string(epochs[at].number)},
                                        {"code", removed.error().code},
                                        {"detail", removed.error().message}});
      return;
    }
  }
}

std::uint64_t LogWorker::entries() const {
  std::uint64_t total = tlog::index_of(log_->end());
  const auto epochs = log_->epochs();
  for (std::size_t at = 0; at + 1 < epochs.size(); ++at)
    total += epochs[at].size;
  return total;
}

}  // namespace callgate::record
