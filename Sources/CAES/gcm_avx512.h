/* The arithmetic of gcm_avx512.c: four blocks of 16 bytes, lanes, in a register. See gcm.h for GHASH's. */
#pragma once

#include "gcm.h"

#if CAES_X86
#include <immintrin.h>

#define AVX512 __attribute__((target("aes,pclmul,vaes,vpclmulqdq,avx512f,avx512bw,avx512dq,avx512vl")))
#define AVX512_INLINE CAES_INLINE AVX512

enum { LANES = 4, XOR3 = 0x96 };

AVX512_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi64(a, b, c, XOR3);
}

/* Each lane's bytes in reverse: SP 800-38D counts from the other end. */
AVX512_INLINE __m512i reversed(__m512i lanes) {
  const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_shuffle_epi8(lanes, _mm512_broadcast_i32x4(order));
}

/* Products that were added up and not reduced yet: their words 0 and 1, 1 and 2, 2 and 3. */
typedef struct Sum {
  __m512i low, middle, high;
} Sum;

AVX512_INLINE Sum product(__m512i a, __m512i b) {
  return (Sum){
    _mm512_clmulepi64_epi128(a, b, 0x00),
    _mm512_xor_si512(_mm512_clmulepi64_epi128(a, b, 0x01), _mm512_clmulepi64_epi128(a, b, 0x10)),
    _mm512_clmulepi64_epi128(a, b, 0x11),
  };
}

AVX512_INLINE Sum add(Sum sum, Sum other) {
  return (Sum){
    _mm512_xor_si512(sum.low, other.low), _mm512_xor_si512(sum.middle, other.middle),
    _mm512_xor_si512(sum.high, other.high)};
}

AVX512_INLINE __m512i swapped(__m512i lanes) { return _mm512_shuffle_epi32(lanes, 0x4e); }

AVX512_INLINE __m512i reduced(Sum sum) {
  const __m512i modulus = _mm512_set1_epi64((long long)0xc200000000000000);
  __m512i middle = xor3(sum.middle, swapped(sum.low), _mm512_clmulepi64_epi128(sum.low, modulus, 0x00));
  return xor3(sum.high, swapped(middle), _mm512_clmulepi64_epi128(middle, modulus, 0x00));
}

AVX512_INLINE __m512i multiplied(__m512i a, __m512i b) { return reduced(product(a, b)); }

/* In characteristic 2 the mixed products cancel. */
AVX512_INLINE __m512i squared(__m512i a) {
  return reduced((Sum){
    _mm512_clmulepi64_epi128(a, a, 0x00), _mm512_setzero_si512(), _mm512_clmulepi64_epi128(a, a, 0x11)});
}

/* x times the reversed hash key. The bit that falls out is not branched on. */
AVX512_INLINE __m512i doubled(__m512i key) {
  const __m512i modulus =
    _mm512_broadcast_i32x4(_mm_set_epi64x((long long)0xc200000000000000, 1));
  __m512i tops = _mm512_srli_epi64(key, 63);
  __m512i shifted = _mm512_or_si512(_mm512_slli_epi64(key, 1), _mm512_bslli_epi128(tops, 8));
  /* 0 or 1 in both words, of the upper one's top. */
  __m512i carry = _mm512_shuffle_epi32(tops, 0xee);
  return _mm512_ternarylogic_epi64(
    shifted, _mm512_sub_epi64(_mm512_setzero_si512(), carry), modulus, 0x78 /* a ^ (b & c) */);
}

/* The sum of the lanes, in the lowest one. */
AVX512_INLINE __m512i folded(__m512i lanes) {
  lanes = _mm512_xor_si512(lanes, _mm512_shuffle_i64x2(lanes, lanes, 0x4e));
  return _mm512_xor_si512(lanes, _mm512_shuffle_i64x2(lanes, lanes, 0xb1));
}

/* The round key `index`, after `older` and `newer` (FIPS 197 section 5.2), in every lane. All columns of the
   block that AESENCLAST gets are the same, so that its ShiftRows changes nothing and SubWord is left. */
AVX512_INLINE __m512i next_round_key(__m512i older, __m512i newer, int index, bool is_long) {
  const int rotate = 0x0c0f0e0d, keep = 0x0f0e0d0c;
  __m512i word = _mm512_shuffle_epi8(newer, _mm512_set1_epi32(is_long && index % 2 ? keep : rotate));
  __m512i constant = _mm512_set1_epi32(caes_round_constant(index, is_long));
  __m512i substituted = _mm512_aesenclast_epi128(word, constant);
  __m512i pairs = _mm512_xor_si512(older, _mm512_bslli_epi128(older, 4));
  return xor3(pairs, _mm512_bslli_epi128(pairs, 8), substituted);
}
#endif
