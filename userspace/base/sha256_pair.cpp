#include "base/sha256_pair.hpp"

#include <array>

#include <cpuid.h>
#include <immintrin.h>

namespace callgate {
namespace {

constexpr int groups = 16;  // of four rounds, which share one register of the message schedule

// FIPS 180-4, 4.2.2.
alignas(16) constexpr std::array<std::uint32_t, 4 * groups> constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define CALLGATE_SHA __attribute__((target("sha,ssse3,sse4.1"), always_inline)) inline

// Of one message. The instructions want the state's words as ABEF and CDGH.
struct Registers {
  __m128i abef;
  __m128i cdgh;
  __m128i abef_before;
  __m128i cdgh_before;
  __m128i schedule[4];
  const std::uint8_t* block;
};

CALLGATE_SHA __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

CALLGATE_SHA void begin(Registers& lane, const Sha256Lane& from) {
  const __m128i badc = _mm_shuffle_epi32(load(from.state), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(load(from.state + 4), 0x1B);
  lane.abef = _mm_alignr_epi8(badc, efgh, 8);
  lane.cdgh = _mm_blend_epi16(efgh, badc, 0xF0);
  lane.block = from.blocks;
}

CALLGATE_SHA void begin_block(Registers& lane) {
  lane.abef_before = lane.abef;
  lane.cdgh_before = lane.cdgh;
}

// Four rounds, and what they make known of the schedule.
CALLGATE_SHA void four_rounds(Registers& lane, int group, __m128i constant) {
  __m128i* const schedule = lane.schedule;
  if (group < 4) {
    const __m128i to_big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    schedule[group] = _mm_shuffle_epi8(load(lane.block + 16 * group), to_big_endian);
  }
  const __m128i current = schedule[group & 3];
  const __m128i words = _mm_add_epi32(current, constant);
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, words);
  if (group >= 3 && group < groups - 1) {
    __m128i& next = schedule[(group + 1) & 3];
    next = _mm_add_epi32(next, _mm_alignr_epi8(current, schedule[(group + 3) & 3], 4));
    next = _mm_sha256msg2_epu32(next, current);
  }
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32(words, 0x0E));
  if (group >= 1 && group < groups - 3) {
    __m128i& last = schedule[(group + 3) & 3];
    last = _mm_sha256msg1_epu32(last, current);
  }
}

CALLGATE_SHA void end_block(Registers& lane) {
  lane.abef = _mm_add_epi32(lane.abef, lane.abef_before);
  lane.cdgh = _mm_add_epi32(lane.cdgh, lane.cdgh_before);
  lane.block += sha256_block_size;
}

CALLGATE_SHA void end(const Registers& lane, const Sha256Lane& to) {
  const __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to.state), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to.state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

bool has_sha256_pair() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned sha_bit = 1U << 29U;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & sha_bit) == 0) return false;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSSE3) != 0 && (c & bit_SSE4_1) != 0;
}

__attribute__((target("sha,ssse3,sse4.1"))) void sha256_pair(const Sha256Lane& first,
                                                             const Sha256Lane& second, std::size_t count) {
  Registers one;
  Registers other;
  begin(one, first);
  begin(other, second);
  for (; count > 0; --count) {
    begin_block(one);
    begin_block(other);
#pragma GCC unroll 16
    for (int group = 0; group < groups; ++group) {
      const __m128i constant = load(&constants[static_cast<std::size_t>(4 * group)]);
      four_rounds(one, group, constant);
      four_rounds(other, group, constant);
    }
    end_block(one);
    end_block(other);
  }
  end(one, first);
  end(other, second);
}

}  // namespace callgate
