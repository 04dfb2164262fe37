#include <algorithm>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "record/boot_id.hpp"
#include "record/file_store.hpp"
#include "record/record_fields.hpp"

namespace callgate::record {
namespace {

constexpr std::uint64_t entries_at_once = 4096;

IndexEntry make_entry(const RecordFrameHeader& header, std::uint64_t offset, const v1::Record& record) {
  IndexEntry entry{};
  entry.size = header.size;
  entry.offset = offset;
  entry.position_batch = header.position_batch;
  entry.position_index = header.position_index;
  entry.kind = static_cast<std::uint8_t>(record.kind());
  entry.verdict = static_cast<std::uint8_t>(record.decision().verdict());
  entry.outcome = static_cast<std::uint8_t>(record.outcome());
  entry.session = id_from_bytes(record.session_id());
  entry.call = id_from_bytes(record.call_id());
  entry.previous = header.previous;
  entry.opened_ns = record.opened_ns();
  entry.closed_ns = record.closed_ns();
  entry.checksum = header_checksum(entry, offsetof(IndexEntry, size));
  return entry;
}

}  // namespace

Result<std::unique_ptr<FileStore>> FileStore::open(FileStoreOptions options) {
  CALLGATE_TRY(make_directories(options.directory, 0700));
  std::unique_ptr<FileStore> store(new FileStore(std::move(options)));
  const std::string& directory = store->options_.directory;
  auto mark = AppendFile::open(directory + "/synced");
  if (!mark) return mark.error();
  store->mark_ = std::move(*mark);
  // Positioned writes to a file opened for appending would go to its end.
  if (const int flags = ::fcntl(store->mark_.fd(), F_GETFL);
      flags < 0 || ::fcntl(store->mark_.fd(), F_SETFL, flags & ~O_APPEND) != 0) {
    return system_error(fmt::format("open {}", store->mark_.path()), errno);
  }
  auto numbers = list_numbered(directory, "records-", ".log");
  if (!numbers) return numbers.error();
  CALLGATE_TRY(store->apply_mark(*numbers));
  numbers = list_numbered(directory, "records-", ".log");
  if (!numbers) return numbers.error();
  if (numbers->empty()) numbers->push_back(1);
  for (const std::uint64_t number : *numbers) {
    if (number == 0 || number >= (std::uint64_t{1} << (64 - pointer_bits))) continue;
    auto set = store->open_set(number);
    if (!set) return set.error();
    CALLGATE_TRY(store->load(*set));
    store->sets_.emplace(number, *set);
    store->current_ = *set;
  }
  if (!store->current_)
    return make_error("store_damaged", fmt::format("{} holds no usable files", directory));
  for (const auto& [number, set] : store->sets_)
    store->byte_count_ += set->bytes();
  return store;
}

Result<FileStore::SetPointer> FileStore::open_set(std::uint64_t number) const {
  auto set = std::make_shared<Set>();
  set->number = number;
  auto payload = AppendFile::open(file("payload", number, "log"));
  if (!payload) return payload.error();
  auto index = AppendFile::open(file("records", number, "index"));
  if (!index) return index.error();
  auto records = AppendFile::open(file("records", number, "log"));
  if (!records) return records.error();
  set->payload = std::move(*payload);
  set->index = std::move(*index);
  set->records = std::move(*records);
  CALLGATE_TRY(sync_directory(options_.directory));
  return set;
}

// After a crash of the machine, cuts the files to what was surely on disk; the journal makes the rest again.
Result<void> FileStore::apply_mark(const std::vector<std::uint64_t>& numbers) {
  StoreMark mark{};
  std::uint8_t bytes[sizeof(StoreMark)];
  if (!read_at(mark_.fd(), bytes, 0, mark_.path())) return {};
  std::memcpy(&mark, bytes, sizeof(mark));
  if (mark.magic != store_mark_magic || mark.checksum != header_checksum(mark, offsetof(StoreMark, boot)))
    return {};
  const std::string boot(mark.boot.data(), ::strnlen(mark.boot.data(), mark.boot.size()));
  if (boot == boot_id()) return {};
  for (const std::uint64_t number : numbers) {
    if (number < mark.number) continue;
    auto set = open_set(number);
    if (!set) return set.error();
    const std::uint64_t records = number == mark.number ? mark.records_size : 0;
    const std::uint64_t payload = number == mark.number ? mark.payload_size : 0;
    if ((*set)->records.size() <= records && (*set)->payload.size() <= payload) continue;
    log_warning("store_cut_after_crash",
                {{"file", (*set)->records.path()}, {"bytes", std::to_string(records)}});
    CALLGATE_TRY((*set)->index.truncate(0));
    if ((*set)->records.size() > records) CALLGATE_TRY((*set)->records.truncate(records));
    if ((*set)->payload.size() > payload) CALLGATE_TRY((*set)->payload.truncate(payload));
  }
  return {};
}

Result<void> FileStore::load(const SetPointer& set) {
  const auto indexed = load_index(set);
  if (!indexed) return indexed.error();
  CALLGATE_TRY(scan_records(set, *indexed));
  set->visible = set->entries;
  record_count_ += set->entries;
  return {};
}

// Takes over the entries that fit the file of records, cuts the index after them, and returns where the last
// one's record ends.
Result<std::uint64_t> FileStore::load_index(const SetPointer& set) {
  std::uint64_t end = 0;
  const std::uint64_t count = set->index.size() / sizeof(IndexEntry);
  bool valid = true;
  while (valid && set->entries < count) {
    const auto entries =
        read_entries({set, count}, set->entries, std::min(entries_at_once, count - set->entries));
    if (!entries) {
      if (entries.error().code != "record_damaged") return entries.error();
      break;
    }
    for (const IndexEntry& entry : *entries) {
      const std::uint64_t pointer = make_pointer(set->number, set->entries);
      const RecordPosition position{entry.position_batch, entry.position_index};
      valid = entry.offset == end && entry.size <= largest_record && entry.previous < pointer &&
              position > last_position_ &&
              set->records.size() - end >= sizeof(RecordFrameHeader) + entry.size;
      if (!valid) break;
      end += sizeof(RecordFrameHeader) + entry.size;
      last_position_ = position;
      newest_ = pointer;
      sessions_.add(entry, pointer);
      ++set->entries;
    }
  }
  if (set->index.size() != set->entries * sizeof(IndexEntry)) {
    CALLGATE_TRY(set->index.truncate(set->entries * sizeof(IndexEntry)));
  }
  return end;
}

// Indexes the records from `offset` on, up to the first one that is not whole; cuts the file there.
Result<void> FileStore::scan_records(const SetPointer& set, std::uint64_t offset) {
  std::vector<std::uint8_t> bytes;
  v1::Record record;
  while (set->records.size() - offset >= sizeof(RecordFrameHeader)) {
    RecordFrameHeader header{};
    bytes.resize(sizeof(header));
    CALLGATE_TRY(read_at(set->records.fd(), bytes, offset, set->records.path()));
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.magic != record_frame_magic || header.size > largest_record ||
        set->records.size() - offset < sizeof(header) + header.size) {
      break;
    }
    bytes.resize(header.size);
    CALLGATE_TRY(read_at(set->records.fd(), bytes, offset + sizeof(header), set->records.path()));
    const std::uint64_t pointer = make_pointer(set->number, set->entries);
    const RecordPosition position{header.position_batch, header.position_index};
    if (header.checksum != header_checksum(header, offsetof(RecordFrameHeader, size), bytes) ||
        !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || header.previous >= pointer ||
        position <= last_position_) {
      break;
    }
    const IndexEntry entry = make_entry(header, offset, record);
    CALLGATE_TRY(set->index.append(Bytes(reinterpret_cast<const std::uint8_t*>(&entry), sizeof(entry))));
    last_position_ = position;
    newest_ = pointer;
    sessions_.add(entry, pointer);
    ++set->entries;
    offset += sizeof(header) + header.size;
  }
  if (offset != set->records.size()) {
    log_warning("store_tail_cut", {{"file", set->records.path()},
                                   {"bytes", std::to_string(set->records.size() - offset)},
                                   {"reason", "the last write was not finished"}});
    CALLGATE_TRY(set->records.truncate(offset));
  }
  return {};
}

}  // namespace callgate::record
