#include "record/journal.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/crc32c.hpp"
#include "base/file.hpp"
#include "base/log.hpp"

namespace callgate::record {
namespace {

constexpr std::uint32_t batch_magic = 0x326a6763;
constexpr std::size_t largest_content = 1U << 30U;

// Host byte order. Followed by the content.
struct BatchHeader {
  std::uint32_t magic;
  std::uint32_t checksum;  // of everything after this field
  std::uint64_t number;
  std::uint32_t generation;
  std::uint32_t thread;
  std::uint64_t ring_position;
  std::uint32_t content_size;
  std::uint16_t kind;
  std::uint16_t reserved;
};
static_assert(sizeof(BatchHeader) == 40);

std::uint32_t checksum(const BatchHeader& header, Bytes content) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&header);
  constexpr std::size_t skipped = offsetof(BatchHeader, number);
  return crc32c(content, crc32c(Bytes(bytes + skipped, sizeof(header) - skipped)));
}

Result<void> append_batch(AppendFile& file, const Batch& batch, std::vector<iovec>& pieces) {
  if (batch.content.size() > largest_content) {
    return make_error("batch_too_large",
                      fmt::format("a batch of {} bytes is over the journal's limit", batch.content.size()));
  }
  BatchHeader header{};
  header.magic = batch_magic;
  header.number = batch.number;
  header.generation = batch.ring.generation;
  header.thread = batch.ring.thread;
  header.ring_position = batch.ring_position;
  header.content_size = static_cast<std::uint32_t>(batch.content.size());
  header.kind = static_cast<std::uint16_t>(batch.kind);
  header.checksum = checksum(header, as_bytes(batch.content));
  pieces.clear();
  pieces.push_back({&header, sizeof(header)});
  if (!batch.content.empty())
    pieces.push_back({const_cast<char*>(batch.content.data()), batch.content.size()});
  return file.append(pieces);
}

}  // namespace

std::string Journal::path(std::uint64_t number) const {
  return fmt::format("{}/journal-{}.log", options_.directory, number);
}

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options) {
  CALLGATE_TRY(make_directories(options.directory, 0700));
  std::unique_ptr<Journal> journal(new Journal());
  journal->options_ = std::move(options);
  const auto numbers = list_numbered(journal->options_.directory, "journal-", ".log");
  if (!numbers) return numbers.error();
  for (const std::uint64_t number : *numbers)
    journal->older_.push_back({number, 0, 0});
  if (!numbers->empty()) journal->segment_number_ = numbers->back();
  return journal;
}

Result<void> Journal::replay(JournalReader& reader) {
  for (Older& segment : older_) {
    const auto bytes = replay_segment(segment.number, reader);
    if (!bytes) return bytes.error();
    segment.bytes = *bytes;
    segment.last_batch = last_batch_;
  }
  return {};
}

Result<std::uint64_t> Journal::replay_segment(std::uint64_t number, JournalReader& reader) {
  const auto file = AppendFile::open(path(number));
  if (!file) return file.error();
  std::vector<std::uint8_t> content;
  std::uint64_t offset = 0;
  while (file->size() - offset >= sizeof(BatchHeader)) {
    BatchHeader header{};
    CALLGATE_TRY(read_at(file->fd(), std::span(reinterpret_cast<std::uint8_t*>(&header), sizeof(header)),
                         offset, file->path()));
    if (header.magic != batch_magic || header.content_size > largest_content ||
        file->size() - offset - sizeof(header) < header.content_size) {
      break;
    }
    content.resize(header.content_size);
    CALLGATE_TRY(read_at(file->fd(), content, offset + sizeof(header), file->path()));
    if (header.checksum != checksum(header, content)) break;
    if (header.kind < 1 || header.kind > 3) break;
    Batch batch;
    batch.kind = static_cast<BatchKind>(header.kind);
    batch.number = header.number;
    batch.ring = {header.generation, header.thread};
    batch.ring_position = header.ring_position;
    batch.content = as_text(content);
    CALLGATE_TRY(reader.batch(batch));
    last_batch_ = std::max(last_batch_, header.number);
    offset += sizeof(header) + header.content_size;
  }
  if (offset != file->size()) reader.damaged(file->path(), file->size() - offset);
  return file->size();
}

Result<void> Journal::start_segment(std::string_view snapshot, std::uint64_t number) {
  if (segment_) CALLGATE_TRY(sync());
  const std::uint64_t next = segment_number_ + 1;
  const std::string name = path(next);
  // Left over where starting this segment failed before.
  if (::unlink(name.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", name), errno);
  auto opened = AppendFile::open(name);
  if (!opened) return opened.error();
  auto file = std::make_shared<AppendFile>(std::move(*opened));
  Batch batch;
  batch.kind = BatchKind::snapshot;
  batch.number = number;
  batch.content = snapshot;
  auto made = append_batch(*file, batch, pieces_);
  if (made) made = file->sync();
  if (made) made = sync_directory(options_.directory);
  if (!made) {
    ::unlink(name.c_str());
    return made;
  }
  if (segment_) {
    segment_->trim();
    older_.push_back({segment_number_, last_batch_, segment_->size()});
  }
  appended_ = file->size();
  segment_number_ = next;
  last_batch_ = std::max(last_batch_, number);
  const std::lock_guard lock(mutex_);
  segment_ = std::move(file);
  return {};
}

void Journal::remove_through(std::uint64_t number) {
  while (!older_.empty() && older_.front().last_batch <= number) {
    const std::string name = path(older_.front().number);
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) {
      log_warning("journal_file_not_removed", {{"file", name}, {"detail", std::strerror(errno)}});
    }
    older_.erase(older_.begin());
  }
}

Result<void> Journal::append(const Batch& batch) {
  CALLGATE_TRY(append_batch(*segment_, batch, pieces_));
  last_batch_ = batch.number;
  appended_ = segment_->size();
  return {};
}

Result<void> Journal::sync() {
  std::shared_ptr<AppendFile> file;
  {
    const std::lock_guard lock(mutex_);
    if (sync_failure_) return *sync_failure_;
    file = segment_;
  }
  const std::uint64_t size = appended_;
  if (::fdatasync(file->fd()) != 0) {
    const int reason = errno;
    // The kernel reports lost pages once, and calls them clean from then on: nobody can say any more what of
    // this file is on disk.
    const std::lock_guard lock(mutex_);
    sync_failure_ =
        make_error("journal_not_synced",
                   fmt::format("{} could not be put on disk ({}): check the disk, then restart callgated",
                               file->path(), std::strerror(reason)));
    return *sync_failure_;
  }
  // Only a recovery reads it: what the node's workloads read should not be pushed out for it.
  (void)::posix_fadvise(file->fd(), 0, static_cast<off_t>(size), POSIX_FADV_DONTNEED);
  return {};
}

std::uint64_t Journal::bytes() const {
  std::uint64_t total = appended_;
  for (const Older& segment : older_)
    total += segment.bytes;
  return total;
}

}  // namespace callgate::record
