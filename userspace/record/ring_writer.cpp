#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "record/ring.hpp"
#include "record/ring_layout.hpp"

namespace callgate::record {
namespace {

constexpr std::size_t rounded(std::size_t size) {
  return (size + 7U) & ~std::size_t{7};
}

std::uint64_t load(std::uint64_t& place) {
  return std::atomic_ref<std::uint64_t>(place).load(std::memory_order_acquire);
}

void store(std::uint64_t& place, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(place).store(value, std::memory_order_release);
}

bool valid_capacity(std::size_t capacity) {
  return std::has_single_bit(capacity) && capacity >= ring_smallest_capacity &&
         capacity <= ring_largest_capacity;
}

Result<void> fill_header(int fd, std::size_t capacity, RingOwner owner) {
  RingHeader header{};
  header.magic = ring_magic;
  header.version = ring_version;
  header.generation = owner.generation;
  header.thread = owner.thread;
  header.capacity = capacity;
  header.written.complement = ~std::uint64_t{0};
  header.sync_wanted.complement = ~std::uint64_t{0};
  header.released.complement = ~std::uint64_t{0};
  header.synced.complement = ~std::uint64_t{0};
  if (::pwrite(fd, &header, sizeof(header), 0) != static_cast<ssize_t>(sizeof(header))) {
    return system_error("write the header of a ring", errno);
  }
  return {};
}

}  // namespace

Result<Fd> create_ring(const std::string& path, std::size_t capacity, RingOwner owner) {
  if (!valid_capacity(capacity)) {
    return make_error(
        "bad_capacity",
        fmt::format("a ring of {} bytes: choose a power of two from 64 KiB to 1 GiB", capacity));
  }
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) {
    if (errno == EEXIST) return make_error("exists", fmt::format("{} exists already", path));
    return system_error(fmt::format("create {}", path), errno);
  }
  Result<void> made;
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    made = system_error(fmt::format("lock {}", path), errno);
  } else if (const int reason =
                 ::posix_fallocate(file.get(), 0, static_cast<off_t>(ring_header_size + capacity));
             reason != 0) {
    made = system_error(fmt::format("allocate {} bytes for {}", ring_header_size + capacity, path), reason);
  } else {
    made = fill_header(file.get(), capacity, owner);
  }
  if (!made) {
    ::unlink(path.c_str());
    return made.error();
  }
  return file;
}

struct RingWriter::Mapping {
  RingHeader* header = nullptr;
  std::uint8_t* events = nullptr;
  std::size_t capacity = 0;
  std::uint64_t written = 0;
  std::uint64_t released = 0;
  std::uint64_t synced = 0;
  std::uint64_t reservations = 0;
  std::uint64_t reserved_begin = 0;
  std::uint64_t reserved_end = 0;  // position after the space reserved last; equals `written` without one

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (header != nullptr) ::munmap(header, ring_header_size + capacity);
  }

  // A pair caught in the middle of a change keeps the older value, which only makes the ring look fuller.
  void refresh_released() {
    const std::uint64_t complement = load(header->released.complement);
    const std::uint64_t value = load(header->released.value);
    if (value == ~complement && value >= released && value <= written) released = value;
  }
  [[nodiscard]] std::size_t room() const { return capacity - static_cast<std::size_t>(written - released); }
  [[nodiscard]] std::size_t to_end() const {
    return capacity - static_cast<std::size_t>(written & (capacity - 1));
  }
  [[nodiscard]] std::size_t max_event() const { return std::min(capacity / 2, max_event_size); }
};

RingWriter::RingWriter(std::unique_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
RingWriter::RingWriter(RingWriter&&) noexcept = default;
RingWriter& RingWriter::operator=(RingWriter&&) noexcept = default;
RingWriter::~RingWriter() = default;

Result<RingWriter> RingWriter::map(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("look at a ring", errno);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size <= ring_header_size || !valid_capacity(size - ring_header_size)) {
    return make_error("ring_corrupt", fmt::format("a file of {} bytes is no ring", size));
  }
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (memory == MAP_FAILED) return system_error("map a ring", errno);
  auto mapping = std::make_unique<Mapping>();
  mapping->header = static_cast<RingHeader*>(memory);
  mapping->events = static_cast<std::uint8_t*>(memory) + ring_header_size;
  mapping->capacity = size - ring_header_size;
  const RingHeader& header = *mapping->header;
  if (header.magic != ring_magic || header.version != ring_version || header.capacity != mapping->capacity) {
    return make_error("ring_corrupt", "the file is not a ring of this version");
  }
  mapping->written = load(mapping->header->written.value);
  mapping->released = load(mapping->header->released.value);
  mapping->reserved_end = mapping->written;
  if (mapping->released > mapping->written || mapping->written - mapping->released > mapping->capacity ||
      mapping->written % 8 != 0) {
    return make_error("ring_corrupt", "the positions of the ring make no sense");
  }
  return RingWriter(std::move(mapping));
}

std::uint8_t* RingWriter::reserve(std::size_t size) {
  Mapping& ring = *mapping_;
  if (size < sizeof(EventHeader) || size > ring.max_event()) return nullptr;
  const std::size_t needed = rounded(size);
  const std::size_t to_end = ring.to_end();
  const std::size_t skipped = to_end < needed ? to_end : 0;
  if (ring.room() < skipped + needed) {
    ring.refresh_released();
    if (ring.room() < skipped + needed) return nullptr;
  }
  std::uint8_t* place = ring.events + (ring.written & (ring.capacity - 1));
  if (skipped != 0) {
    // Less than a header may be left; the size alone says how far to go.
    const auto padding = static_cast<std::uint32_t>(skipped);
    std::memset(place, 0, std::min(skipped, sizeof(EventHeader)));
    std::memcpy(place, &padding, sizeof(padding));
    place = ring.events;
  }
  ++ring.reservations;
  ring.reserved_begin = ring.written + skipped;
  ring.reserved_end = ring.reserved_begin + needed;
  return place;
}

void RingWriter::shrink(std::size_t size) {
  Mapping& ring = *mapping_;
  ring.reserved_end = std::min(ring.reserved_end, ring.reserved_begin + rounded(size));
}

std::uint64_t RingWriter::reservations() const {
  return mapping_->reservations;
}

void RingWriter::commit() {
  Mapping& ring = *mapping_;
  ring.written = ring.reserved_end;
  store(ring.header->written.complement, ~ring.written);
  store(ring.header->written.value, ring.written);
}

std::size_t RingWriter::capacity() const {
  return mapping_->capacity;
}

std::size_t RingWriter::max_event() const {
  return mapping_->max_event();
}

std::size_t RingWriter::free_space() {
  Mapping& ring = *mapping_;
  ring.refresh_released();
  const std::size_t room = ring.room();
  const std::size_t to_end = ring.to_end();
  const std::size_t whole = room <= to_end ? room : std::max(to_end, room - to_end);
  return std::min(whole, ring.max_event());
}

std::size_t RingWriter::room() {
  mapping_->refresh_released();
  return mapping_->room();
}

std::uint64_t RingWriter::synced_position() {
  Mapping& ring = *mapping_;
  const std::uint64_t complement = load(ring.header->synced.complement);
  const std::uint64_t value = load(ring.header->synced.value);
  // A pair caught in the middle of a change keeps the older value until it is looked at again.
  if (value == ~complement && value > ring.synced && value <= ring.written) ring.synced = value;
  return ring.synced;
}

void RingWriter::want_sync() {
  Mapping& ring = *mapping_;
  store(ring.header->sync_wanted.complement, ~ring.written);
  store(ring.header->sync_wanted.value, ring.written);
}

std::uint64_t RingWriter::written_position() const {
  return mapping_->written;
}

}  // namespace callgate::record
