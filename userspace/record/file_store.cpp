#include "record/file_store.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/log.hpp"
#include "record/boot_id.hpp"

namespace callgate::record {
namespace {

// Larger payload is written from where it lies instead of being copied.
constexpr std::size_t copied_payload = 8192;

template <typename T>
void append_object(std::vector<std::uint8_t>& bytes, const T& object) {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&object);
  bytes.insert(bytes.end(), from, from + sizeof(T));
}

}  // namespace

std::string FileStore::file(const char* kind, std::uint64_t number, const char* suffix) const {
  return fmt::format("{}/{}-{}.{}", options_.directory, kind, number, suffix);
}

std::uint64_t FileStore::add_payload(const PayloadFrame& frame, Bytes bytes) {
  PayloadFrameHeader header{};
  header.magic = payload_frame_magic;
  header.size = static_cast<std::uint32_t>(bytes.size());
  header.direction = static_cast<std::uint8_t>(frame.direction);
  header.kind = static_cast<std::uint8_t>(frame.kind);
  header.call = frame.call;
  header.previous = frame.previous;
  header.time_ns = frame.time_ns;
  header.offset = frame.offset;
  header.checksum = header_checksum(header, offsetof(PayloadFrameHeader, size));

  const auto add = [this](const void* from, std::size_t size) {
    const auto* const place = static_cast<const std::uint8_t*>(from);
    if (!payload_pieces_.empty() && payload_pieces_.back().outside == nullptr) {
      payload_pieces_.back().size += size;
    } else {
      payload_pieces_.push_back({nullptr, payload_bytes_.size(), size});
    }
    payload_bytes_.insert(payload_bytes_.end(), place, place + size);
  };
  const std::uint64_t pointer = make_pointer(current_->number, current_->payload.size() + payload_pending_);
  add(&header, sizeof(header));
  if (bytes.size() <= copied_payload) {
    add(bytes.data(), bytes.size());
  } else {
    payload_pieces_.push_back({bytes.data(), 0, bytes.size()});
  }
  payload_pending_ += sizeof(header) + bytes.size();
  return pointer;
}

void FileStore::add_record(const RecordPosition& position, const Id& session, const Id& call,
                           const v1::Record& record) {
  std::uint64_t previous = 0;
  if (const auto pending = pending_last_.find(session); pending != pending_last_.end()) {
    previous = pending->second;
  } else if (const auto* row = sessions_.find(session); row != nullptr) {
    previous = row->last;  // only this thread changes the table
  }
  const std::size_t start = record_bytes_.size();
  const std::size_t size = record.ByteSizeLong();
  record_bytes_.resize(start + sizeof(RecordFrameHeader) + size);
  std::uint8_t* const place = record_bytes_.data() + start + sizeof(RecordFrameHeader);
  record.SerializeWithCachedSizesToArray(place);

  RecordFrameHeader header{};
  header.magic = record_frame_magic;
  header.size = static_cast<std::uint32_t>(size);
  header.position_index = position.index;
  header.position_batch = position.batch;
  header.previous = previous;
  header.checksum = header_checksum(header, offsetof(RecordFrameHeader, size), Bytes(place, size));
  std::memcpy(record_bytes_.data() + start, &header, sizeof(header));

  IndexEntry entry{};
  entry.size = header.size;
  entry.offset = current_->records.size() + start;
  entry.position_batch = position.batch;
  entry.position_index = position.index;
  entry.kind = static_cast<std::uint8_t>(record.kind());
  entry.verdict = static_cast<std::uint8_t>(record.decision().verdict());
  entry.outcome = static_cast<std::uint8_t>(record.outcome());
  entry.session = session;
  entry.call = call;
  entry.previous = previous;
  entry.opened_ns = record.opened_ns();
  entry.closed_ns = record.closed_ns();
  entry.checksum = header_checksum(entry, offsetof(IndexEntry, size));
  pending_last_[session] = make_pointer(current_->number, current_->entries + entries_.size());
  entries_.push_back(entry);
}

Result<void> FileStore::flush() {
  if (!payload_pieces_.empty()) {
    iovecs_.clear();
    for (const Piece& piece : payload_pieces_) {
      const std::uint8_t* from =
          piece.outside != nullptr ? piece.outside : payload_bytes_.data() + piece.offset;
      iovecs_.push_back({const_cast<std::uint8_t*>(from), piece.size});
    }
    CALLGATE_TRY(current_->payload.append(iovecs_));
    payload_pieces_.clear();
    payload_bytes_.clear();
    payload_pending_ = 0;
  }
  if (!record_bytes_.empty()) {
    CALLGATE_TRY(current_->records.append(record_bytes_));
    record_bytes_.clear();
  }
  if (!entries_.empty()) {
    CALLGATE_TRY(current_->index.append(
        Bytes(reinterpret_cast<const std::uint8_t*>(entries_.data()), entries_.size() * sizeof(IndexEntry))));
    publish();
  }
  if (current_->records.size() >= options_.records_size || current_->payload.size() >= options_.payload_size)
    rotate();
  return {};
}

void FileStore::publish() {
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t at = 0; at < entries_.size(); ++at) {
      newest_ = make_pointer(current_->number, current_->entries + at);
      sessions_.add(entries_[at], newest_);
    }
    current_->entries += entries_.size();
    current_->visible = current_->entries;
    record_count_ += entries_.size();
    byte_count_ = 0;
    for (const auto& [number, set] : sets_)
      byte_count_ += set->bytes();
  }
  last_position_ = {entries_.back().position_batch, entries_.back().position_index};
  entries_.clear();
  pending_last_.clear();
  newer_.notify_all();
  const std::lock_guard lock(wake_mutex_);
  for (const auto& [number, wake] : wakes_)
    wake();
}

// Starts the next set, and lets go of the oldest ones over the limit. Where that fails the current set just
// goes on.
void FileStore::rotate() {
  auto next = sync() ? open_set(current_->number + 1)
                     : Result<SetPointer>(make_error("not_synced", "not on disk yet"));
  if (!next) {
    log_warning("store_rotation_failed", {{"code", next.error().code}, {"detail", next.error().message}});
    return;
  }
  for (AppendFile* full : {&current_->index, &current_->records, &current_->payload})
    full->trim();
  std::vector<SetPointer> old;
  {
    const std::lock_guard lock(mutex_);
    sets_.emplace((*next)->number, *next);
    current_ = *next;
    std::uint64_t bytes = 0;
    for (const auto& [number, set] : sets_)
      bytes += set->bytes();
    while (bytes > options_.limit && sets_.size() > 2) {
      const SetPointer oldest = sets_.begin()->second;
      bytes -= oldest->bytes();
      record_count_ -= oldest->entries;
      sets_.erase(sets_.begin());
      old.push_back(oldest);
    }
    byte_count_ = bytes;
    if (!old.empty()) sessions_.forget_before(sets_.begin()->first);
  }
  for (const SetPointer& set : old) {
    for (const AppendFile* gone : {&set->index, &set->records, &set->payload}) {
      if (::unlink(gone->path().c_str()) != 0) {
        log_warning("store_file_not_removed", {{"file", gone->path()}});
      }
    }
  }
}

Result<void> FileStore::sync() {
  CALLGATE_TRY(current_->payload.sync());
  current_->payload.forget();
  CALLGATE_TRY(current_->records.sync());
  StoreMark mark{};
  mark.magic = store_mark_magic;
  const std::string boot = boot_id();
  std::memcpy(mark.boot.data(), boot.data(), std::min(boot.size(), mark.boot.size()));
  mark.number = current_->number;
  mark.records_size = current_->records.size();
  mark.payload_size = current_->payload.size();
  mark.checksum = header_checksum(mark, offsetof(StoreMark, boot));
  if (::pwrite(mark_.fd(), &mark, sizeof(mark), 0) != static_cast<ssize_t>(sizeof(mark)) ||
      ::fdatasync(mark_.fd()) != 0) {
    return system_error(fmt::format("write {}", mark_.path()), errno);
  }
  return {};
}

std::uint64_t FileStore::on_records(std::function<void()> wake) {
  const std::lock_guard lock(wake_mutex_);
  wakes_.emplace(next_wake_, std::move(wake));
  return next_wake_++;
}

void FileStore::forget_wake(std::uint64_t number) {
  const std::lock_guard lock(wake_mutex_);
  wakes_.erase(number);
}

}  // namespace callgate::record
