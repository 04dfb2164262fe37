#include "payload/erase.hpp"

#include <array>
#include <cerrno>
#include <unordered_set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/append_file.hpp"
#include "payload/frame_scanner.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t most_blocks = 1U << 20U;

// A file that parts of are erased. Its time stays: it says when the last block was written.
class ErasedFile {
 public:
  [[nodiscard]] static Result<ErasedFile> open(const Files& files, std::uint64_t number);

  [[nodiscard]] Result<void> erase(std::uint64_t offset, BlockHeader header, Erased& erased);
  [[nodiscard]] Result<void> erase(std::uint64_t offset, KeyHeader header, Erased& erased);
  // Puts it on disk.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  [[nodiscard]] Result<void> write(const void* from, std::size_t size, std::uint64_t offset) const;
  [[nodiscard]] Result<void> write_zeros(std::uint64_t offset, std::uint64_t size) const;

  Fd fd_;
  std::string path_;
  std::uint64_t size_ = 0;
  timespec modified_{};
  bool changed_ = false;
};

Result<ErasedFile> ErasedFile::open(const Files& files, std::uint64_t number) {
  ErasedFile file;
  // Existence is the table's to say; what it opens is for reading only.
  auto found = files.open_file(number, file.path_);
  if (!found) return found.error();
  file.fd_ = Fd(::open(file.path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file.fd_) return system_error(fmt::format("open {}", file.path_), errno);
  struct stat status {};
  if (::fstat(file.fd_.get(), &status) != 0)
    return system_error(fmt::format("look at {}", file.path_), errno);
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  file.modified_ = status.st_mtim;
  return file;
}

Result<void> ErasedFile::write(const void* from, std::size_t size, std::uint64_t offset) const {
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  while (size > 0) {
    const ssize_t put = ::pwrite(fd_.get(), bytes, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error(fmt::format("erase in {}", path_), errno);
    bytes += put;
    offset += static_cast<std::uint64_t>(put);
    size -= static_cast<std::size_t>(put);
  }
  return {};
}

Result<void> ErasedFile::write_zeros(std::uint64_t offset, std::uint64_t size) const {
  static constexpr std::array<std::uint8_t, 64U << 10U> zeros{};
  for (std::uint64_t done = 0; done < size; done += zeros.size())
    CALLGATE_TRY(write(zeros.data(),
                       static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - done)),
                       offset + done));
  // Where holes are not possible, the zeros take the space.
  (void)::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(size));
  return {};
}

// The mark comes first, so that readers see it who find the content gone. Where it is there already the
// content is overwritten again: a crash may have kept the mark alone.
Result<void> ErasedFile::erase(std::uint64_t offset, BlockHeader header, Erased& erased) {
  changed_ = true;
  if (header.type == FrameType::block) {
    ++erased.blocks;
    erased.bytes += frame_size(header);
  }
  header.type = FrameType::erased_block;
  set_checksum(header);
  CALLGATE_TRY(write(&header, sizeof(header), offset));
  return write_zeros(offset + sizeof(header), header.stored + tag_size);
}

Result<void> ErasedFile::erase(std::uint64_t offset, KeyHeader header, Erased& erased) {
  if (header.type == FrameType::erased_key) return {};
  changed_ = true;
  ++erased.keys;
  erased.bytes += sizeof(header);
  header.type = FrameType::erased_key;
  header.wrapped = {};
  set_checksum(header);
  return write(&header, sizeof(header), offset);
}

Result<void> ErasedFile::finish() {
  if (!changed_) return {};
  const timespec times[] = {{0, UTIME_OMIT}, modified_};
  if (::futimens(fd_.get(), times) != 0 || ::fsync(fd_.get()) != 0)
    return system_error(fmt::format("sync {}", path_), errno);
  changed_ = false;
  return {};
}

Result<BlockHeader> read_header(const ErasedFile& file, std::uint64_t pointer, const Id& call) {
  const std::uint64_t offset = pointer_offset(pointer);
  std::uint8_t bytes[sizeof(BlockHeader)];
  std::optional<BlockHeader> header;
  if (offset <= largest_file && read_at(file.fd(), bytes, offset, file.path()))
    header = parse_block_header(bytes);
  const bool sound = header && header->call == call && header->previous < pointer &&
                     frame_size(*header) <= file.size() - offset;
  if (sound) return *header;
  return make_error(
      "payload_damaged",
      fmt::format("{} is damaged at byte {}, and what the call stored before cannot be found from "
                  "there: erase its session",
                  file.path(), offset));
}

Result<void> erase_in_file(Files& files, std::uint64_t number, const Id& session, Erased& erased) {
  auto file = ErasedFile::open(files, number);
  if (!file) return file.error();
  FrameScanner frames(file->fd(), file->path(), file->size());
  std::unordered_set<std::uint64_t> keys;  // offsets of the session's key frames
  for (;;) {
    const auto frame = frames.next();
    if (!frame) return frame.error();
    if (!*frame) break;
    if (const auto* const key = std::get_if<KeyHeader>(&(*frame)->header); key != nullptr) {
      if (key->session != session) continue;
      files.close_file(number);
      keys.insert((*frame)->offset);
      CALLGATE_TRY(file->erase((*frame)->offset, *key, erased));
    } else if (const auto& block = std::get<BlockHeader>((*frame)->header);
               keys.count(block.key_frame) != 0) {
      CALLGATE_TRY(file->erase((*frame)->offset, block, erased));
    }
  }
  erased.skipped += frames.skipped();
  return file->finish();
}

}  // namespace

Result<Erased> erase_call(const Files& files, const Id& call, std::uint64_t last) {
  Erased erased;
  std::optional<ErasedFile> file;
  std::uint64_t number = 0;
  for (std::size_t blocks = 0; last != 0 && blocks < most_blocks; ++blocks) {
    if (!file || pointer_number(last) != number) {
      if (file) CALLGATE_TRY(file->finish());
      number = pointer_number(last);
      auto opened = ErasedFile::open(files, number);
      if (!opened && opened.error().code == "payload_expired") return erased;
      if (!opened) return opened.error();
      file = std::move(*opened);
    }
    const auto header = read_header(*file, last, call);
    if (!header) {
      CALLGATE_TRY(file->finish());
      return header.error();
    }
    CALLGATE_TRY(file->erase(pointer_offset(last), *header, erased));
    last = header->previous;
  }
  if (file) CALLGATE_TRY(file->finish());
  return erased;
}

Result<Erased> erase_session(Files& files, const Id& session) {
  Erased erased;
  const auto all = files.list();
  if (!all) return all.error();
  for (const FileInfo& file : *all) {
    const auto outcome = erase_in_file(files, file.number, session, erased);
    if (!outcome && outcome.error().code != "payload_expired") return outcome.error();
  }
  return erased;
}

}  // namespace callgate::payload
