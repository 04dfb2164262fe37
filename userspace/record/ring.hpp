// A ring of events between one proxy thread and callgated: one writer, one reader, in a file on tmpfs that both map.
//
// The reader trusts nothing of what it finds: positions are bounded, an event is copied out before it is looked at. The
// ring outlives both processes: what a dead proxy wrote is still there for the next callgated.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/event.hpp"

namespace callgate::record {

// Creates the file of a ring: 0600, exclusive, `capacity` bytes of events (a power of two, 64 KiB to 1 GiB), all of its
// memory allocated. The file's lock (flock) is held as long as anybody has this open file: the sign of a living writer.
[[nodiscard]] Result<Fd> create_ring(const std::string& path, std::size_t capacity);

// The writing end. Belongs to one thread. Never blocks.
class RingWriter {
 public:
  [[nodiscard]] static Result<RingWriter> map(int fd);

  // Space for an event of `size` bytes (header included), or nullptr while the ring is too full. Event sizes are rounded
  // up to 8. Nothing is visible to the reader before commit().
  [[nodiscard]] std::uint8_t* reserve(std::size_t size);
  // Publishes the event in the space reserved last.
  void commit();
  [[nodiscard]] std::size_t capacity() const;
  // Bytes that reserve() could give out now, at most half of the capacity.
  [[nodiscard]] std::size_t free_space() const;
  // What the reader has on disk, in bytes of the ring's history (for durability `synced`).
  [[nodiscard]] std::uint64_t synced_position() const;
  [[nodiscard]] std::uint64_t written_position() const;

  RingWriter(RingWriter&&) noexcept;
  RingWriter& operator=(RingWriter&&) noexcept;
  ~RingWriter();

 private:
  struct Mapping;
  explicit RingWriter(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

// The reading end, in callgated.
class RingReader {
 public:
  [[nodiscard]] static Result<RingReader> map(int fd);

  // Copies whole events, at most `limit` bytes of them, to the end of `events`; returns how many bytes. A ring whose
  // positions or sizes make no sense is an error (ring_corrupt): its writer is broken or hostile, and must be ended.
  [[nodiscard]] Result<std::size_t> read(std::vector<std::uint8_t>& events, std::size_t limit);
  // Frees the space of everything read so far, once it is safe in the journal.
  void release();
  void set_synced_position(std::uint64_t position);

  RingReader(RingReader&&) noexcept;
  RingReader& operator=(RingReader&&) noexcept;
  ~RingReader();

 private:
  struct Mapping;
  explicit RingReader(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

}  // namespace callgate::record
