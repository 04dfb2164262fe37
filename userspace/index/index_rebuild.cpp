// Building the index of an epoch anew.
#include <utility>

#include "index/index.hpp"
#include "index/index_files.hpp"

namespace callgate::index {
namespace {

constexpr std::uint64_t entries_between_progress = 10'000;

Result<void> store(Epoch& epoch, const std::shared_ptr<EpochFile>& file) {
  const std::vector<std::shared_ptr<const Block>> blocks(epoch.waiting().begin(), epoch.waiting().end());
  if (blocks.empty()) return {};
  CALLGATE_TRY(file->append(blocks));
  epoch.stored(blocks.size(), file);
  return {};
}

}  // namespace

Result<void> Index::reindex(std::uint64_t epoch, const EpochSource& source, const Progress& progress) {
  const std::lock_guard rebuild_lock(rebuild_mutex_);
  const std::string path = new_database_path(options_.directory, epoch);
  CALLGATE_TRY(remove_database(path));
  if (const auto built = build(epoch, path, source, progress); !built) {
    (void)remove_database(path);
    return built.error();
  }
  const std::lock_guard file_lock(file_mutex_);
  const std::lock_guard lock(mutex_);
  return replace_epoch(epoch, path);
}

Result<void> Index::build(std::uint64_t epoch, const std::string& path, const EpochSource& source,
                          const Progress& progress) const {
  auto opened = EpochFile::open(path, epoch);
  if (!opened) return opened.error();
  const std::shared_ptr<EpochFile> file = std::move(*opened);
  Epoch fresh(epoch);
  const auto given = source([&](Position position, const v1::Record& record) -> Result<void> {
    if (epoch_of(position) != epoch)
      return make_error("index_gap", "an entry of another epoch than the one that is built");
    CALLGATE_TRY(fresh.add(entry_of(position), record));
    if (progress && fresh.next() % entries_between_progress == 0) progress(fresh.next());
    return store(fresh, file);
  });
  if (!given) return given.error();
  fresh.seal();
  CALLGATE_TRY(store(fresh, file));
  if (progress) progress(fresh.next());
  file->close();
  return {};
}

// Under both locks. Where the new file cannot be opened, the epoch counts as damaged: there is no other file.
Result<void> Index::replace_epoch(std::uint64_t epoch, const std::string& path) {
  const auto place = epochs_.try_emplace(epoch, epoch).first;
  if (place->second.file()) place->second.file()->close();
  place->second = Epoch(epoch);
  place->second.set_damaged();
  CALLGATE_TRY(move_database(path, path_of(epoch), options_.directory));
  return open_epoch(epoch);
}

}  // namespace callgate::index
