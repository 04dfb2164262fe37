#include "payload/writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/clock.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t page = 4096;
// A huge page, which the kernel hands to the disk at once. It has room for the largest block and a key frame,
// wherever in a page they begin.
constexpr std::size_t chunk_size = 2U << 20U;
static_assert(chunk_size >= page + sizeof(KeyHeader) + sizeof(BlockHeader) + largest_plain + tag_size);
constexpr std::size_t kept_chunks = 4;
// Of a call whose blocks do not compress, one in so many is tried again.
constexpr unsigned looked_again = 8;
constexpr std::size_t least_passed_over = 16U << 10U;
constexpr std::size_t kept_builders = 64;

bool is_passed_over(const Stream& stream, std::size_t size) {
  return stream.raw_blocks != 0 && size >= least_passed_over;
}

}  // namespace

// Its bytes lie where they will lie in a page of the file, for writes past the page cache.
struct Writer::Chunk {
  Chunk() : memory(static_cast<std::uint8_t*>(std::aligned_alloc(chunk_size, chunk_size))) {
    if (!memory) throw std::bad_alloc();
    (void)::madvise(memory.get(), chunk_size, MADV_HUGEPAGE);  // only advice
  }

  struct Free {
    void operator()(std::uint8_t* at) const { std::free(at); }
  };
  std::unique_ptr<std::uint8_t, Free> memory;
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Writer::Output {
  std::shared_ptr<OpenFile> file;
  std::uint64_t end = 0;  // of the file, once its blocks are written
  std::uint64_t begun_ns = monotonic_ns();
  bool pending = false;
  SessionKeys sessions;
  std::vector<std::unique_ptr<Chunk>> chunks;
};

Result<std::unique_ptr<Writer>> Writer::open(Files& files, const KeyRing& keys,
                                             const WriterOptions& options) {
  if (options.file_size == 0 || options.file_size > largest_file) {
    return make_error("bad_options",
                      fmt::format("payload files have at least 1 and at most {} bytes", largest_file));
  }
  return std::unique_ptr<Writer>(new Writer(files, keys, options));
}

Writer::Writer(Files& files, const KeyRing& keys, const WriterOptions& options)
    : files_(files), keys_(keys), options_(options) {}

Writer::~Writer() {
  for (const auto& [retention, output] : current_)
    output->file->out.trim();
}

void Writer::add(Stream& stream, const Piece& piece, Bytes bytes) {
  Piece part = piece;
  while (!bytes.empty()) {
    if (!stream.open && !free_builders_.empty()) {
      stream.open = std::move(free_builders_.back());
      free_builders_.pop_back();
    }
    if (!stream.open) stream.open = std::make_unique<PieceListBuilder>();
    const std::size_t taken = stream.open->add(part, bytes);
    part.offset += taken;
    bytes = bytes.subspan(taken);
    if (stream.open->full()) seal(stream);
  }
}

std::uint64_t Writer::seal(Stream& stream) {
  if (!stream.open) return stream.last;
  auto pieces = std::move(stream.open);
  if (outcome_) outcome_ = write_block(stream, *pieces);
  pieces->clear();
  if (free_builders_.size() < kept_builders) free_builders_.push_back(std::move(pieces));
  return stream.last;
}

Result<void> Writer::write_block(Stream& stream, PieceListBuilder& pieces) {
  const auto& parts = pieces.parts();
  const auto compressed = is_passed_over(stream, pieces.size()) ? Compressor::Content{}
                                                                : compressor_.compress(parts, pieces.size());
  stream.raw_blocks =
      compressed.codec == Codec::raw ? static_cast<std::uint8_t>((stream.raw_blocks + 1) % looked_again) : 0;
  const std::span<const Bytes> content =
      compressed.codec == Codec::raw ? std::span(parts) : std::span(&compressed.bytes, 1);
  auto output = output_for(stream.retention);
  if (!output) return output.error();
  const auto key = key_for(**output, stream.session);
  if (!key) return key.error();

  BlockHeader header{};
  header.type = FrameType::block;
  header.plain = static_cast<std::uint32_t>(pieces.size());
  header.stored =
      compressed.codec == Codec::raw ? header.plain : static_cast<std::uint32_t>(compressed.bytes.size());
  header.call = stream.call;
  header.previous = stream.last;
  header.key_frame = key->frame;
  header.codec = compressed.codec;
  set_checksum(header);

  const BlockPlace place{make_pointer((*output)->file->state->name.number, (*output)->end), stream.session};
  std::uint8_t* const to = reserve(**output, static_cast<std::size_t>(frame_size(header)));
  std::memcpy(to, &header, sizeof(header));
  CALLGATE_TRY(cipher_.encrypt(key->key, header, place, content, to + sizeof(header)));
  stream.last = place.pointer;
  return {};
}

bool Writer::is_used_up(const Output& output) const {
  const auto age = std::chrono::nanoseconds(monotonic_ns() - output.begun_ns);
  return output.end >= options_.file_size || age >= options_.file_age;
}

Result<Writer::OutputPointer> Writer::output_for(RetentionClass retention) {
  OutputPointer& current = current_[retention];
  if (current && (is_used_up(*current) || (!current->pending && !files_.begin_batch(*current->file)))) {
    if (!current->pending) current->file->out.trim();
    current.reset();
  }
  if (!current) {
    auto file = files_.reserve(retention);
    if (!file) return file.error();
    current = std::make_shared<Output>();
    current->file = std::move(*file);
    (void)files_.begin_batch(*current->file);  // nobody can have closed it yet
  }
  if (!current->pending) pending_.push_back(current);
  current->pending = true;
  return current;
}

// The session's key in this file, with a frame of its own in front of its first block.
Result<SessionKey> Writer::key_for(Output& output, const Id& session) {
  if (const SessionKey* const found = output.sessions.find(session); found != nullptr) return *found;
  const auto key = Key::random();
  if (!key) return key.error();
  const auto wrapped = wrap(keys_.newest().key, *key);
  if (!wrapped) return wrapped.error();
  KeyHeader header{};
  header.type = FrameType::key;
  header.session = session;
  header.wrapped_by = keys_.newest().id;
  header.wrapped = *wrapped;
  set_checksum(header);
  const SessionKey made{*key, static_cast<std::uint32_t>(output.end)};
  std::memcpy(reserve(output, sizeof(header)), &header, sizeof(header));
  return output.sessions.add(session, made);
}

std::uint8_t* Writer::reserve(Output& output, std::size_t size) {
  if (output.chunks.empty() || chunk_size - output.chunks.back()->end < size) {
    if (free_chunks_.empty()) {
      output.chunks.push_back(std::make_unique<Chunk>());
    } else {
      output.chunks.push_back(std::move(free_chunks_.back()));
      free_chunks_.pop_back();
    }
    output.chunks.back()->begin = output.chunks.back()->end = static_cast<std::size_t>(output.end % page);
  }
  Chunk& chunk = *output.chunks.back();
  std::uint8_t* const place = chunk.memory.get() + chunk.end;
  chunk.end += size;
  output.end += size;
  pending_bytes_ += size;
  return place;
}

Result<void> Writer::commit() {
  // Calls whose payload could not be encrypted must not count as recorded.
  if (!outcome_) return outcome_;
  for (auto output = pending_.begin(); output != pending_.end(); output = pending_.erase(output))
    CALLGATE_TRY(write_out(**output));
  return {};
}

Result<void> Writer::write_out(Output& output) {
  CALLGATE_TRY(files_.enter(*output.file));
  iovecs_.clear();
  for (const auto& chunk : output.chunks)
    iovecs_.push_back({chunk->memory.get() + chunk->begin, chunk->end - chunk->begin});
  CALLGATE_TRY(output.file->out.append(iovecs_));
  files_.end_batch(output.file);
  for (auto& chunk : output.chunks) {
    pending_bytes_ -= chunk->end - chunk->begin;
    if (free_chunks_.size() < kept_chunks) free_chunks_.push_back(std::move(chunk));
  }
  output.chunks.clear();
  output.pending = false;
  const auto current = current_.find(output.file->state->name.retention);
  if (current == current_.end() || current->second.get() != &output) output.file->out.trim();
  return {};
}

}  // namespace callgate::payload
