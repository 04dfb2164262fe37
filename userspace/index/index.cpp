#include "index/index.hpp"

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "index/index_files.hpp"

namespace callgate::index {

Result<std::unique_ptr<Index>> Index::open(IndexOptions options) {
  CALLGATE_TRY(make_directories(options.directory, 0700));
  std::unique_ptr<Index> index(new Index(std::move(options)));
  CALLGATE_TRY(index->open_epochs());
  return index;
}

std::string Index::path_of(std::uint64_t epoch) const {
  return database_path(options_.directory, epoch);
}

Result<void> Index::open_epochs() {
  const auto found = scan_databases(options_.directory);
  if (!found) return found.error();
  for (const std::uint64_t epoch : *found)
    CALLGATE_TRY(open_epoch(epoch));
  return {};
}

// Damage is noted, not returned: what is damaged can be built anew.
Result<void> Index::open_epoch(std::uint64_t epoch) {
  auto file = EpochFile::open(path_of(epoch), epoch);
  auto loaded = file ? Epoch::load(epoch, std::move(*file)) : Result<Epoch>(file.error());
  if (loaded) {
    epochs_.insert_or_assign(epoch, std::move(*loaded));
    return {};
  }
  if (loaded.error().code != "index_damaged") return loaded.error();
  log_warning("index_damaged", {{"epoch", std::to_string(epoch)}, {"detail", loaded.error().message}});
  epochs_.insert_or_assign(epoch, Epoch(epoch)).first->second.set_damaged();
  return {};
}

Result<void> Index::add(Position position, const v1::Record& record) {
  const std::uint64_t epoch = epoch_of(position);
  const std::lock_guard lock(mutex_);
  const auto place = epochs_.try_emplace(epoch, epoch).first;
  CALLGATE_TRY(place->second.add(entry_of(position), record));
  if (current_ && *current_ != epoch) {
    if (const auto before = epochs_.find(*current_); before != epochs_.end()) before->second.seal();
  }
  current_ = epoch;
  return {};
}

Result<void> Index::flush() {
  const std::lock_guard file_lock(file_mutex_);
  std::vector<std::uint64_t> waiting;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, epoch] : epochs_)
      if (!epoch.waiting().empty()) waiting.push_back(number);
  }
  // One epoch that cannot be written holds up no other.
  Result<void> result;
  for (const std::uint64_t epoch : waiting) {
    const auto flushed = flush_epoch(epoch);
    if (flushed) continue;
    if (result) result = flushed;
    const std::lock_guard lock(mutex_);
    if (flushed.error().code == "index_damaged") epochs_.at(epoch).set_damaged();
  }
  return result;
}

Result<void> Index::flush_epoch(std::uint64_t epoch) {
  std::vector<std::shared_ptr<const Block>> blocks;
  std::shared_ptr<EpochFile> file;
  {
    const std::lock_guard lock(mutex_);
    const Epoch& state = epochs_.at(epoch);
    blocks.assign(state.waiting().begin(), state.waiting().end());
    file = state.file();
  }
  if (!file) {
    auto opened = EpochFile::open(path_of(epoch), epoch);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  CALLGATE_TRY(file->append(blocks));
  const std::lock_guard lock(mutex_);
  epochs_.at(epoch).stored(blocks.size(), std::move(file));
  return {};
}

Position Index::next_position(std::uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  const auto place = epochs_.find(epoch);
  return make_position(epoch, place == epochs_.end() ? 0 : place->second.next());
}

std::vector<std::uint64_t> Index::epochs() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, epoch] : epochs_)
    numbers.push_back(number);
  return numbers;
}

std::vector<std::uint64_t> Index::damaged() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, epoch] : epochs_)
    if (epoch.damaged()) numbers.push_back(number);
  return numbers;
}

Result<void> Index::truncate(Position position) {
  const std::lock_guard file_lock(file_mutex_);
  const std::lock_guard lock(mutex_);
  while (!epochs_.empty() && epochs_.rbegin()->first > epoch_of(position))
    CALLGATE_TRY(remove_epoch(epochs_.rbegin()->first));
  const auto place = epochs_.find(epoch_of(position));
  if (place == epochs_.end() || place->second.damaged() || place->second.next() <= entry_of(position))
    return {};
  const std::shared_ptr<EpochFile> file = place->second.file();
  if (!file) {
    place->second = Epoch(epoch_of(position));
    return {};
  }
  const auto stored = file->summaries();
  if (!stored) return stored.error();
  const auto first = std::find_if(stored->begin(), stored->end(), [position](const Summary& summary) {
    return summary.end > entry_of(position);
  });
  if (first != stored->end()) CALLGATE_TRY(file->remove_from(first->number));
  auto loaded = Epoch::load(epoch_of(position), file);
  if (!loaded) return loaded.error();
  place->second = std::move(*loaded);
  return {};
}

Result<void> Index::drop(std::uint64_t epoch) {
  const std::lock_guard file_lock(file_mutex_);
  const std::lock_guard lock(mutex_);
  return remove_epoch(epoch);
}

// Under both locks. Queries that still read its file are told to ask again.
Result<void> Index::remove_epoch(std::uint64_t epoch) {
  const auto place = epochs_.find(epoch);
  if (place == epochs_.end()) return {};
  if (place->second.file()) place->second.file()->close();
  epochs_.erase(place);
  return remove_database(path_of(epoch));
}

}  // namespace callgate::index
