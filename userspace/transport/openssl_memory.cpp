#include "transport/openssl_memory.hpp"

#include <array>
#include <cstdlib>

#include <malloc.h>
#include <openssl/crypto.h>

namespace callgate::transport {
namespace {

// A record of 16 KiB, and what its header, padding, tag and alignment take.
constexpr std::size_t smallest = 16U << 10U;
constexpr std::size_t largest = 18U << 10U;

class Kept {
 public:
  Kept() = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    ended_ = true;
    while (count_ > 0)
      std::free(buffers_[--count_]);
  }

  void* take() { return count_ > 0 ? buffers_[--count_] : std::malloc(largest); }
  bool keep(void* buffer) {
    if (ended_ || count_ == buffers_.size()) return false;
    buffers_[count_++] = buffer;
    return true;
  }

 private:
  std::array<void*, 4> buffers_{};
  std::size_t count_ = 0;
  bool ended_ = false;  // the thread ends
};

thread_local Kept kept;

void* allocate(std::size_t size, const char*, int) {
  return size >= smallest && size <= largest ? kept.take() : std::malloc(size);
}

void* reallocate(void* memory, std::size_t size, const char*, int) {
  return std::realloc(memory, size);
}

void release(void* memory, const char*, int) {
  constexpr std::size_t rounding = 64;
  const std::size_t size = memory != nullptr ? ::malloc_usable_size(memory) : 0;
  if (size < largest || size > largest + rounding || !kept.keep(memory)) std::free(memory);
}

}  // namespace

Result<void> keep_record_buffers() {
  if (CRYPTO_set_mem_functions(allocate, reallocate, release) == 1) return {};
  return make_error("tls_failed", "OpenSSL has taken memory before it was told from where");
}

}  // namespace callgate::transport
