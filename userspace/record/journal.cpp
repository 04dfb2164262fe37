#include "record/journal.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "record/store_format.hpp"

namespace callgate::record {
namespace {

constexpr std::uint32_t batch_magic = 0x316a6763;
constexpr std::size_t largest_events = 16U << 20U;
constexpr std::size_t largest_notes = 1U << 30U;

// Host byte order. Followed by the notes and the events.
struct BatchHeader {
  std::uint32_t magic;
  std::uint32_t checksum;  // of everything after this field
  std::uint64_t number;
  std::uint32_t generation;
  std::uint32_t thread;
  std::uint64_t ring_position;
  std::uint64_t time_ns;
  std::uint32_t notes_size;
  std::uint32_t events_size;
  std::uint16_t kind;
  std::uint16_t reserved[3];
};
static_assert(sizeof(BatchHeader) == 56);

BatchHeader make_header(const Batch& batch) {
  BatchHeader header{};
  header.magic = batch_magic;
  header.number = batch.number;
  header.generation = batch.ring.generation;
  header.thread = batch.ring.thread;
  header.ring_position = batch.ring_position;
  header.time_ns = batch.time_ns;
  header.notes_size = static_cast<std::uint32_t>(batch.notes.size());
  header.events_size = static_cast<std::uint32_t>(batch.events.size());
  header.kind = static_cast<std::uint16_t>(batch.kind);
  header.checksum =
      crc32c(batch.events, header_checksum(header, offsetof(BatchHeader, number), as_bytes(batch.notes)));
  return header;
}

Result<void> append_batch(AppendFile& file, const Batch& batch, std::vector<iovec>& pieces) {
  if (batch.notes.size() > largest_notes || batch.events.size() > largest_events) {
    return make_error("batch_too_large", fmt::format("a batch of {} bytes is over the journal's limit",
                                                     batch.notes.size() + batch.events.size()));
  }
  BatchHeader header = make_header(batch);
  pieces.clear();
  pieces.push_back({&header, sizeof(header)});
  if (!batch.notes.empty()) pieces.push_back({const_cast<char*>(batch.notes.data()), batch.notes.size()});
  if (!batch.events.empty())
    pieces.push_back({const_cast<std::uint8_t*>(batch.events.data()), batch.events.size()});
  return file.append(pieces);
}

}  // namespace

std::string Journal::path(std::uint64_t number) const {
  return fmt::format("{}/journal-{}.log", options_.directory, number);
}

Result<Journal> Journal::open(JournalOptions options) {
  CALLGATE_TRY(make_directories(options.directory, 0700));
  Journal journal;
  journal.options_ = std::move(options);
  auto numbers = list_numbered(journal.options_.directory, "journal-", ".log");
  if (!numbers) return numbers.error();
  journal.older_ = std::move(*numbers);
  if (!journal.older_.empty()) journal.segment_number_ = journal.older_.back();
  return journal;
}

Result<void> Journal::replay(JournalReader& reader) {
  for (const std::uint64_t number : older_)
    CALLGATE_TRY(replay_segment(number, reader));
  return {};
}

Result<void> Journal::replay_segment(std::uint64_t number, JournalReader& reader) {
  const auto file = AppendFile::open(path(number));
  if (!file) return file.error();
  std::vector<std::uint8_t> content;
  std::uint64_t offset = 0;
  while (file->size() - offset >= sizeof(BatchHeader)) {
    BatchHeader header{};
    CALLGATE_TRY(read_at(file->fd(), std::span(reinterpret_cast<std::uint8_t*>(&header), sizeof(header)),
                         offset, file->path()));
    const std::size_t size = std::size_t{header.notes_size} + header.events_size;
    if (header.magic != batch_magic || header.notes_size > largest_notes ||
        header.events_size > largest_events || file->size() - offset - sizeof(header) < size) {
      break;
    }
    content.resize(size);
    CALLGATE_TRY(read_at(file->fd(), content, offset + sizeof(header), file->path()));
    if (header.checksum != header_checksum(header, offsetof(BatchHeader, number), content)) break;
    if (header.kind < 1 || header.kind > 3) break;
    Batch batch;
    batch.kind = static_cast<BatchKind>(header.kind);
    batch.number = header.number;
    batch.ring = {header.generation, header.thread};
    batch.ring_position = header.ring_position;
    batch.time_ns = header.time_ns;
    batch.notes = as_text(Bytes(content).first(header.notes_size));
    batch.events = Bytes(content).subspan(header.notes_size);
    CALLGATE_TRY(reader.batch(batch));
    offset += sizeof(header) + size;
  }
  if (offset != file->size()) {
    log_warning("journal_tail_cut", {{"file", file->path()},
                                     {"bytes", std::to_string(file->size() - offset)},
                                     {"reason", "the last write was not finished"}});
  }
  return {};
}

Result<void> Journal::start_segment(std::string_view snapshot, std::uint64_t number) {
  const std::uint64_t next = segment_number_ + 1;
  const std::string name = path(next);
  // Left over where starting this segment failed before.
  if (::unlink(name.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", name), errno);
  auto file = AppendFile::open(name);
  if (!file) return file.error();
  Batch batch;
  batch.kind = BatchKind::snapshot;
  batch.number = number;
  batch.notes = snapshot;
  auto made = append_batch(*file, batch, pieces_);
  if (made) made = file->sync();
  if (made) made = sync_directory(options_.directory);
  if (!made) {
    ::unlink(name.c_str());
    return made;
  }
  if (segment_number_ != 0 && (older_.empty() || older_.back() != segment_number_))
    older_.push_back(segment_number_);
  segment_ = std::move(*file);
  segment_number_ = next;
  for (const std::uint64_t old : older_) {
    if (::unlink(path(old).c_str()) != 0) log_warning("journal_file_not_removed", {{"file", path(old)}});
  }
  older_.clear();
  return {};
}

Result<void> Journal::sync() {
  CALLGATE_TRY(segment_.sync());
  segment_.forget();  // only a recovery reads it
  return {};
}

Result<void> Journal::append(const Batch& batch) {
  if (!batch.events.empty() || !batch.notes.empty() || batch.kind != BatchKind::events) {
    return append_batch(segment_, batch, pieces_);
  }
  return {};
}

}  // namespace callgate::record
