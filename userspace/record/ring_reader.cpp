#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.hpp"
#include "record/ring.hpp"
#include "record/ring_layout.hpp"

namespace callgate::record {
namespace {

// A writer that died, or was stopped, between its two stores leaves positions that do not match; one that
// stays so with a living writer is scribbled over.
constexpr std::uint64_t inconsistent_limit_ns = 10'000'000'000;
constexpr int position_attempts = 16;

Error corrupt(std::string message) {
  return make_error("ring_corrupt", std::move(message));
}

Result<void> read_exactly(int fd, void* to, std::size_t size, std::size_t offset) {
  auto* place = static_cast<std::uint8_t*>(to);
  while (size > 0) {
    const ssize_t got = ::pread(fd, place, size, static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error("read a ring", errno);
    }
    if (got == 0) return corrupt("the file of the ring was truncated");
    place += got;
    offset += static_cast<std::size_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> write_position(int fd, std::uint64_t value, std::size_t offset) {
  const RingPosition position{value, ~value};
  for (;;) {
    const ssize_t put = ::pwrite(fd, &position, sizeof(position), static_cast<off_t>(offset));
    if (put == static_cast<ssize_t>(sizeof(position))) return {};
    if (put < 0 && errno == EINTR) continue;
    return system_error("write a position of a ring", put < 0 ? errno : EIO);
  }
}

struct Scan {
  std::size_t events = 0;        // bytes of whole events
  std::size_t padding = 0;       // bytes of padding after them
  const char* damage = nullptr;  // what is wrong with what follows
};

static_assert(offsetof(EventHeader, size) == 0 && offsetof(EventHeader, type) == 4 &&
              std::endian::native == std::endian::little);

// Looks at the sizes of the events in `piece`, which starts `to_end` bytes before the end of the ring.
Scan scan_events(Bytes piece, std::size_t to_end, std::size_t largest) {
  Scan scan;
  while (piece.size() - scan.events >= 8) {
    std::uint64_t start = 0;  // looked at once: it may be changing
    std::memcpy(&start, &piece[scan.events], sizeof(start));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const auto size = static_cast<std::uint32_t>(start);
    const auto type = static_cast<EventType>(start >> 32U);
    const std::size_t left = to_end - scan.events;
    if (type == EventType::padding) {
      if (size != left) {
        scan.damage = "padding does not reach the end of the ring";
      } else {
        scan.padding = size;
      }
      return scan;
    }
    if (size < sizeof(EventHeader) || size > largest || size % 8 != 0 || size > left) {
      scan.damage = "the size of an event makes no sense";
      return scan;
    }
    if (size > piece.size() - scan.events) return scan;
    scan.events += size;
  }
  return scan;
}

}  // namespace

Result<bool> ring_abandoned(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    ::flock(fd, LOCK_UN);
    return true;
  }
  if (errno == EWOULDBLOCK) return false;
  return system_error("ask for the lock of a ring", errno);
}

Result<RingReader> RingReader::open(Fd fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_error("look at a ring", errno);
  if (!S_ISREG(status.st_mode) || status.st_size <= static_cast<off_t>(ring_header_size)) {
    return corrupt("the file is too small for a ring");
  }
  RingReader reader;
  reader.capacity_ = static_cast<std::size_t>(status.st_size) - ring_header_size;
  RingHeader header{};
  CALLGATE_TRY(read_exactly(fd.get(), &header, sizeof(header), 0));
  if (header.magic != ring_magic || header.version != ring_version)
    return corrupt("the file is no ring of this version");
  if (header.capacity != reader.capacity_ || !std::has_single_bit(reader.capacity_) ||
      reader.capacity_ < ring_smallest_capacity || reader.capacity_ > ring_largest_capacity) {
    return corrupt("the capacity of the ring does not fit its file");
  }
  if (header.released.value != ~header.released.complement || header.released.value % 8 != 0) {
    return corrupt("the position of the ring's reader was overwritten");
  }
  reader.fd_ = std::move(fd);
  reader.owner_ = {header.generation, header.thread};
  reader.released_ = header.released.value;
  reader.read_ = reader.released_;
  return reader;
}

void RingReader::Unmap::operator()(const std::uint8_t* memory) const {
  ::munmap(const_cast<std::uint8_t*>(memory), size);
}

std::string ring_name(RingOwner owner) {
  return fmt::format("ring-{}-{}", owner.generation, owner.thread);
}

std::optional<RingOwner> parse_ring_name(std::string_view name) {
  constexpr std::string_view prefix = "ring-";
  if (name.substr(0, prefix.size()) != prefix) return std::nullopt;
  const char* const end = name.data() + name.size();
  RingOwner owner;
  const auto generation = std::from_chars(name.data() + prefix.size(), end, owner.generation);
  if (generation.ec != std::errc() || generation.ptr == end || *generation.ptr != '-') return std::nullopt;
  const auto thread = std::from_chars(generation.ptr + 1, end, owner.thread);
  if (thread.ec != std::errc() || thread.ptr != end || ring_name(owner) != name) return std::nullopt;
  return owner;
}

Result<void> RingReader::seek(std::uint64_t position) {
  released_ = position;
  read_ = position;
  if (position % 8 != 0) return corrupt("the ring cannot be read from the position that the journal has");
  const auto end = written();
  if (!end && end.error().code != "ring_inconsistent") return end.error();
  // Once this ring has ended nobody remembers its position but the file.
  return write_position(fd_.get(), position, offsetof(RingHeader, released));
}

Result<std::uint64_t> RingReader::written() const {
  for (int attempt = 0; attempt < position_attempts; ++attempt) {
    RingPosition position{};
    CALLGATE_TRY(read_exactly(fd_.get(), &position, sizeof(position), offsetof(RingHeader, written)));
    if (position.value != ~position.complement) continue;
    // Positions only grow, so a value below ours is as wrong as one that is more than a ring ahead.
    if (position.value < read_ || position.value - released_ > capacity_ || position.value % 8 != 0) {
      return corrupt("the position of the ring's writer makes no sense");
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    return position.value;
  }
  return make_error("ring_inconsistent", "the position of the ring's writer is being changed");
}

Result<void> RingReader::map() {
  if (memory_) return {};
  const std::size_t size = ring_header_size + capacity_;
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd_.get(), 0);
  if (memory == MAP_FAILED) return system_error("map a ring", errno);
  memory_ = {static_cast<const std::uint8_t*>(memory), Unmap{size}};
  return {};
}

// Nobody should have cut the file. Where somebody did, this is better told than by a signal.
Result<void> RingReader::check_size() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return system_error("look at a ring", errno);
  if (static_cast<std::uint64_t>(status.st_size) >= ring_header_size + capacity_) return {};
  return corrupt("the file of the ring was truncated");
}

Result<Bytes> RingReader::read(std::size_t most) {
  CALLGATE_TRY(check_size());
  CALLGATE_TRY(map());
  const auto end = written();
  if (!end) {
    if (end.error().code != "ring_inconsistent") return end.error();
    const std::uint64_t now = monotonic_ns();
    if (inconsistent_since_ns_ == 0) inconsistent_since_ns_ = now;
    if (now - inconsistent_since_ns_ > inconsistent_limit_ns) {
      return corrupt("the position of the ring's writer was overwritten");
    }
    return Bytes();
  }
  inconsistent_since_ns_ = 0;

  const std::size_t largest = std::min(capacity_ / 2, max_event_size);
  // Twice where the ring goes on at its beginning: events never wrap around.
  while (read_ < *end) {
    const auto start = static_cast<std::size_t>(read_ & (capacity_ - 1));
    const std::size_t to_end = capacity_ - start;
    const std::size_t room = std::min(std::max(most, max_event_size), to_end);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(*end - read_, room));
    const Bytes piece(memory_.get() + ring_header_size + start, size);
    const Scan scan = scan_events(piece, to_end, largest);
    if (scan.events == 0 && scan.damage != nullptr) return corrupt(scan.damage);
    if (scan.padding > *end - read_ - scan.events) return corrupt("padding reaches past what was written");
    if (scan.events == 0 && scan.padding == 0) return corrupt("an event reaches past what was written");
    read_ += scan.events + scan.padding;
    if (scan.events > 0) return piece.first(scan.events);
  }
  return Bytes();
}

Result<void> RingReader::release() {
  if (released_ == read_) return {};
  CALLGATE_TRY(write_position(fd_.get(), read_, offsetof(RingHeader, released)));
  released_ = read_;
  return {};
}

Result<void> RingReader::set_synced_position(std::uint64_t position) {
  return write_position(fd_.get(), position, offsetof(RingHeader, synced));
}

std::uint64_t RingReader::sync_wanted() const {
  RingPosition position{};
  if (!read_exactly(fd_.get(), &position, sizeof(position), offsetof(RingHeader, sync_wanted))) return 0;
  if (position.value != ~position.complement || position.value % 8 != 0) return 0;
  const auto end = written();
  return end && position.value <= *end ? position.value : 0;
}

std::uint64_t RingReader::lag() const {
  const auto end = written();
  return end ? *end - read_ : 0;
}

}  // namespace callgate::record
