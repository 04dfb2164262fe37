#include "transport/openssl_memory.hpp"

#include <algorithm>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <openssl/crypto.h>
#include <openssl/rand.h>

using namespace callgate;

// In a program of its own: nothing may have asked OpenSSL for memory before.
TEST_CASE("a thread keeps a few record buffers, and gives back everything else") {
  constexpr std::size_t record = 16'709;
  REQUIRE(transport::keep_record_buffers().has_value());
  void* const first = OPENSSL_malloc(record);
  OPENSSL_free(first);
  void* const again = OPENSSL_malloc(record);
  CHECK(again == first);
  void* const other = OPENSSL_malloc(record);
  CHECK(other != again);
  OPENSSL_free(other);
  OPENSSL_free(again);

  // Freed on another thread, it is that thread's; what is too many is nobody's.
  std::vector<void*> many;
  for (int count = 0; count < 10; ++count)
    many.push_back(OPENSSL_malloc(record));
  std::thread([&many] {
    for (void* const buffer : many)
      OPENSSL_free(buffer);
    void* const kept = OPENSSL_malloc(record);
    CHECK(std::find(many.begin(), many.end(), kept) != many.end());
    OPENSSL_free(kept);
  }).join();

  auto* grown = static_cast<unsigned char*>(OPENSSL_malloc(record));
  grown[record - 1] = 7;
  grown = static_cast<unsigned char*>(OPENSSL_realloc(grown, 100'000));
  CHECK(grown[record - 1] == 7);
  OPENSSL_free(grown);
  unsigned char random[32];
  CHECK(RAND_bytes(random, sizeof(random)) == 1);
}
