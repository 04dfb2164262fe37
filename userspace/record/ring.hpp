// A ring of events between one proxy thread and callgated: one writer, one reader, in a file on tmpfs.
//
// Both map the file; payload goes from there to where it is stored without being copied. The reader believes
// nothing: it keeps its own position in its own memory, bounds the writer's, and whoever takes an event
// apart copies it first, all but the bytes of payload. What the writer must not be able to do is make the
// file shorter, which would end the reader by a signal: it closes the file once it is mapped (and its system
// call filter knows no call that would do it). The ring outlives both processes: what a dead proxy wrote is
// still there for the next callgated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "record/event.hpp"

namespace callgate::record {

// The largest event, header included. Rings of less than twice this capacity hold events of half their
// capacity.
inline constexpr std::size_t max_event_size = 256U << 10U;

// Whose events a ring holds: ids of sessions and calls in it carry the same generation and thread.
struct RingOwner {
  std::uint32_t generation = 0;
  std::uint32_t thread = 0;

  auto operator<=>(const RingOwner&) const = default;
};

// Creates the file of a ring: 0600, exclusive, `capacity` bytes of events (a power of two, 64 KiB to 1 GiB),
// all of its memory allocated. The file's lock (flock) is held as long as anybody has this open file: the
// sign of a living writer. Errors: exists, bad_capacity, system errors.
[[nodiscard]] Result<Fd> create_ring(const std::string& path, std::size_t capacity, RingOwner owner);

// The name of a ring's file, and whose ring a file name says it is (nothing where it is no such name). The
// directory is callgated's alone, so names can be trusted where the content of a ring cannot.
[[nodiscard]] std::string ring_name(RingOwner owner);
[[nodiscard]] std::optional<RingOwner> parse_ring_name(std::string_view name);

// Whether nobody holds the lock of the ring that `fd` (an open file of the caller's own, not one from
// create_ring) refers to.
[[nodiscard]] Result<bool> ring_abandoned(int fd);

// The writing end. Belongs to one thread. Never blocks.
class RingWriter {
 public:
  // Maps the ring; `fd` stays the caller's, who need not keep it open: the mapping holds the lock, too. Error
  // ring_corrupt where it is no ring.
  [[nodiscard]] static Result<RingWriter> map(int fd);

  // Space for an event of `size` bytes (header included), or nullptr while the ring is too full or where the
  // size is over max_event_size() or under a header's. Event sizes are rounded up to 8. Nothing is visible to
  // the reader before commit().
  [[nodiscard]] std::uint8_t* reserve(std::size_t size);
  // Makes the space reserved last smaller, to what its event turned out to need.
  void shrink(std::size_t size);
  // How often space was reserved so far: whether the space reserved last is still the same.
  [[nodiscard]] std::uint64_t reservations() const;
  // Publishes the event in the space reserved last, whose header.size (set by the caller) is the rounded
  // size.
  void commit();
  [[nodiscard]] std::size_t capacity() const;
  [[nodiscard]] std::size_t max_event() const;
  // Bytes that reserve() could give out now, at most max_event().
  [[nodiscard]] std::size_t free_space();
  // Bytes that are free in all, which may take several events to use.
  [[nodiscard]] std::size_t room();
  // What the reader has on disk, in bytes of the ring's history (for durability `synced`). Never more than
  // was written, and never less than it once was.
  [[nodiscard]] std::uint64_t synced_position();
  // Tells the reader that somebody waits until everything that is written by now is on disk.
  void want_sync();
  [[nodiscard]] std::uint64_t written_position() const;

  RingWriter(RingWriter&&) noexcept;
  RingWriter& operator=(RingWriter&&) noexcept;
  ~RingWriter();

 private:
  struct Mapping;
  explicit RingWriter(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

// The reading end, in callgated. One thread at a time.
class RingReader {
 public:
  // `fd`, opened for reading and writing, becomes the reader's. `owner` of the header is only what the file
  // says.
  [[nodiscard]] static Result<RingReader> open(Fd fd);

  [[nodiscard]] RingOwner owner() const { return owner_; }

  // Goes on from `position`, which somebody who can be trusted noted, whatever the file says. Error
  // ring_corrupt where the ring cannot hold that position any more.
  [[nodiscard]] Result<void> seek(std::uint64_t position);

  // The whole events that come next, up to `most` bytes of them (at least max_event_size), where they lie in
  // the ring: valid until release() or rewind(), and open to the writer's changes. A ring whose positions or
  // sizes make no sense is an error (ring_corrupt): its writer is broken or hostile, and must be ended.
  [[nodiscard]] Result<Bytes> read(std::size_t most);
  // Frees the space of everything read so far, once it is safe in the journal.
  [[nodiscard]] Result<void> release();
  // Forgets what was read since the last release(): the next read() returns it again.
  void rewind() { read_ = released_; }
  // The position that the writer waits for to be on disk, as far as it can be believed: never past what it
  // has written. 0 where it waits for nothing, or nobody knows.
  [[nodiscard]] std::uint64_t sync_wanted() const;
  // Tells the writer what is on disk.
  [[nodiscard]] Result<void> set_synced_position(std::uint64_t position);

  // Whether no writer is left (ring_abandoned).
  [[nodiscard]] Result<bool> abandoned() const { return ring_abandoned(fd_.get()); }

  // In bytes of the ring's history.
  [[nodiscard]] std::uint64_t read_position() const { return read_; }
  [[nodiscard]] std::uint64_t released_position() const { return released_; }
  // Bytes that the writer has written and nobody has read; 0 where that cannot be known.
  [[nodiscard]] std::uint64_t lag() const;
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

 private:
  RingReader() = default;
  struct Unmap {
    std::size_t size;
    void operator()(const std::uint8_t* memory) const;
  };
  [[nodiscard]] Result<std::uint64_t> written() const;
  [[nodiscard]] Result<void> map();
  [[nodiscard]] Result<void> check_size() const;

  Fd fd_;
  std::unique_ptr<const std::uint8_t, Unmap> memory_;  // from the first read() on
  RingOwner owner_;
  std::size_t capacity_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t inconsistent_since_ns_ = 0;
};

}  // namespace callgate::record
