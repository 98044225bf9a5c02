/* The arithmetic of gcm_avx2.c: two blocks of 16 bytes, lanes, in a register. See gcm.h for GHASH's. */
#pragma once

#include "gcm.h"

#if CAES_X86
#include <immintrin.h>

#define AVX2 __attribute__((target("aes,pclmul,vaes,vpclmulqdq,avx2")))
#define AVX2_INLINE CAES_INLINE AVX2

enum { LANES = 2 };

AVX2_INLINE __m256i in_lanes(__m128i early, __m128i late) { return _mm256_set_m128i(late, early); }

AVX2_INLINE __m256i in_both_lanes(__m128i block) { return _mm256_broadcastsi128_si256(block); }

/* Each lane's bytes in reverse: SP 800-38D counts from the other end. */
AVX2_INLINE __m256i reversed(__m256i lanes) {
  const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm256_shuffle_epi8(lanes, in_both_lanes(order));
}

/* Products that were added up and not reduced yet: their words 0 and 1, 1 and 2, 2 and 3. */
typedef struct Sum {
  __m256i low, middle, high;
} Sum;

AVX2_INLINE Sum no_sum(void) {
  return (Sum){_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
}

AVX2_INLINE void add_product(Sum *sum, __m256i a, __m256i b) {
  __m256i middle =
    _mm256_xor_si256(_mm256_clmulepi64_epi128(a, b, 0x01), _mm256_clmulepi64_epi128(a, b, 0x10));
  sum->low = _mm256_xor_si256(sum->low, _mm256_clmulepi64_epi128(a, b, 0x00));
  sum->middle = _mm256_xor_si256(sum->middle, middle);
  sum->high = _mm256_xor_si256(sum->high, _mm256_clmulepi64_epi128(a, b, 0x11));
}

AVX2_INLINE __m256i swapped(__m256i lanes) { return _mm256_shuffle_epi32(lanes, 0x4e); }

AVX2_INLINE __m256i reduced(Sum sum) {
  const __m256i modulus = _mm256_set1_epi64x((long long)0xc200000000000000);
  __m256i middle = _mm256_xor_si256(sum.middle, swapped(sum.low));
  middle = _mm256_xor_si256(middle, _mm256_clmulepi64_epi128(sum.low, modulus, 0x00));
  __m256i high = _mm256_xor_si256(sum.high, swapped(middle));
  return _mm256_xor_si256(high, _mm256_clmulepi64_epi128(middle, modulus, 0x00));
}

AVX2_INLINE __m256i multiplied(__m256i a, __m256i b) {
  Sum sum = no_sum();
  add_product(&sum, a, b);
  return reduced(sum);
}

/* In characteristic 2 the mixed products cancel. */
AVX2_INLINE __m256i squared(__m256i a) {
  return reduced((Sum){
    _mm256_clmulepi64_epi128(a, a, 0x00), _mm256_setzero_si256(), _mm256_clmulepi64_epi128(a, a, 0x11)});
}

/* x times the reversed hash key. The bit that falls out is not branched on. */
AVX2_INLINE __m256i doubled(__m256i key) {
  const __m256i modulus = in_both_lanes(_mm_set_epi64x((long long)0xc200000000000000, 1));
  __m256i tops = _mm256_srli_epi64(key, 63);
  __m256i shifted = _mm256_or_si256(_mm256_slli_epi64(key, 1), _mm256_bslli_epi128(tops, 8));
  __m256i carry = _mm256_sub_epi64(_mm256_setzero_si256(), _mm256_shuffle_epi32(tops, 0xee));
  return _mm256_xor_si256(shifted, _mm256_and_si256(carry, modulus));
}

/* The sum of the lanes. */
AVX2_INLINE __m128i folded(__m256i lanes) {
  return _mm_xor_si128(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
}

/* The round key `index`, after `older` and `newer` (FIPS 197 section 5.2), in both lanes. All columns of the
   block that AESENCLAST gets are the same, so that its ShiftRows changes nothing and SubWord is left. */
AVX2_INLINE __m256i next_round_key(__m256i older, __m256i newer, int index, bool is_long) {
  const int rotate = 0x0c0f0e0d, keep = 0x0f0e0d0c;
  __m256i word = _mm256_shuffle_epi8(newer, _mm256_set1_epi32(is_long && index % 2 ? keep : rotate));
  __m256i constant = _mm256_set1_epi32(caes_round_constant(index, is_long));
  __m256i substituted = _mm256_aesenclast_epi128(word, constant);
  __m256i pairs = _mm256_xor_si256(older, _mm256_bslli_epi128(older, 4));
  return _mm256_xor_si256(_mm256_xor_si256(pairs, _mm256_bslli_epi128(pairs, 8)), substituted);
}
#endif
