#include "payload/writer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"

namespace callgate::payload {
namespace {

// Room for the largest block and a key frame.
constexpr std::size_t chunk_size = sizeof(KeyHeader) + sizeof(BlockHeader) + largest_plain + tag_size;
constexpr std::size_t kept_chunks = 8;
constexpr std::size_t kept_builders = 64;

}  // namespace

struct Writer::Chunk {
  std::size_t used = 0;
  std::array<std::uint8_t, chunk_size> bytes;
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
  const auto compressed = compressor_.compress(parts, pieces.size());
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
  if (output.chunks.empty() || chunk_size - output.chunks.back()->used < size) {
    if (free_chunks_.empty()) {
      output.chunks.push_back(std::make_unique_for_overwrite<Chunk>());
    } else {
      output.chunks.push_back(std::move(free_chunks_.back()));
      free_chunks_.pop_back();
    }
    output.chunks.back()->used = 0;
  }
  Chunk& chunk = *output.chunks.back();
  std::uint8_t* const place = chunk.bytes.data() + chunk.used;
  chunk.used += size;
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
    iovecs_.push_back({chunk->bytes.data(), chunk->used});
  CALLGATE_TRY(output.file->out.append(iovecs_));
  files_.end_batch(output.file);
  for (auto& chunk : output.chunks) {
    pending_bytes_ -= chunk->used;
    if (free_chunks_.size() < kept_chunks) free_chunks_.push_back(std::move(chunk));
  }
  output.chunks.clear();
  output.pending = false;
  const auto current = current_.find(output.file->state->name.retention);
  if (current == current_.end() || current->second.get() != &output) output.file->out.trim();
  return {};
}

}  // namespace callgate::payload
