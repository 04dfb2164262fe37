#include "index/epoch.hpp"

#include <fmt/format.h>

#include "index/position.hpp"

namespace callgate::index {
namespace {

// About eight megabytes at ordinary sizes, and a quarter of a million calls.
constexpr std::size_t most_waiting = 64;

}  // namespace

Result<Epoch> Epoch::load(std::uint64_t epoch, std::shared_ptr<EpochFile> file) {
  auto summaries = file->summaries();
  if (!summaries) return summaries.error();
  Epoch loaded(epoch);
  loaded.file_ = std::move(file);
  loaded.stored_ = std::move(*summaries);
  if (!loaded.stored_.empty()) {
    loaded.open_.start(loaded.stored_.back().number + 1, loaded.stored_.back().end);
  }
  return loaded;
}

Result<void> Epoch::add(std::uint64_t entry, const v1::Record& record) {
  if (damaged()) {
    return make_error("index_damaged",
                      fmt::format("the index of epoch {} is damaged: run `callgate audit reindex`", epoch_));
  }
  if (entry < next()) return {};
  if (entry != next()) {
    return make_error("index_gap",
                      fmt::format("the index of epoch {} wants entry {} before {}: read the log from "
                                  "there",
                                  epoch_, next(), entry));
  }
  if (open_.full()) {
    if (waiting_.size() >= most_waiting) {
      return make_error("index_behind", "the index cannot be written: free space on its file system");
    }
    seal();
  }
  open_block_.reset();
  if (is_listed(record)) {
    open_.add(make_row(record));
  } else {
    open_.skip();
  }
  return {};
}

void Epoch::seal() {
  if (open_.empty()) return;
  const Summary sealed = open_.summary();
  waiting_.push_back(open_block());
  open_.start(sealed.number + 1, sealed.end);
  open_block_.reset();
}

void Epoch::stored(std::size_t count, std::shared_ptr<EpochFile> file) {
  file_ = std::move(file);
  for (; count > 0; --count) {
    stored_.push_back(waiting_.front()->summary);
    waiting_.pop_front();
  }
}

void Epoch::gather(const std::function<bool(const Summary&)>& wanted, std::vector<BlockPlace>& blocks) {
  for (const Summary& summary : stored_)
    if (wanted(summary)) blocks.push_back({epoch_, summary, nullptr, file_});
  for (const auto& block : waiting_)
    if (wanted(block->summary)) blocks.push_back({epoch_, block->summary, block, nullptr});
  if (!open_.empty() && wanted(open_.summary()))
    blocks.push_back({epoch_, open_.summary(), open_block(), nullptr});
}

std::shared_ptr<const Block> Epoch::open_block() {
  if (!open_block_) open_block_ = std::make_shared<const Block>(open_.encode());
  return open_block_;
}

}  // namespace callgate::index
