/* The implementations behind CAES.h. The arithmetic of all:

   GHASH multiplies in GF(2^128) with the bits of a block reversed. RFC 8452, appendix A, has the same in the
   order of ordinary numbers: GHASH(H, X...) = reversed POLYVAL(x * reversed H, reversed X...), bytes being
   reversed. POLYVAL's product is a * b / x^128 modulo x^128 + x^127 + x^126 + x^121 + 1, which Montgomery's
   reduction gives: with c = x^63 + x^62 + x^57 the modulus is x^128 + c * x^64 + 1, so adding p0 times the
   modulus to a product p3 p2 p1 p0 (words of 64 bits) clears p0, adding p1 times the modulus clears p1, and
   what stays above is the quotient. */
#pragma once

#include "CAES.h"

#if defined(__x86_64__)
#define CAES_X86 1

/* These call nothing, as registers have secrets until they return. So they leave the content that they decrypted
   where it is when it isn't authentic: their caller is to clear it. */
void caes_aesni_seal(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count);
bool caes_aesni_open(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count);
void caes_avx2_seal(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count);
bool caes_avx2_open(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count);
void caes_avx512_seal(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count);
bool caes_avx512_open(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count);

/* The most bytes of content for which AVX-512's registers suffice. */
enum { caes_avx512_short_max = 224 };

/* Makes a function clear the registers that it used when it returns. Otherwise round keys and powers of the hash
   key stay in some for as long as nobody else wants those, and signals and lazy binding store them. */
#define CAES_CLEAR_REGISTERS __attribute__((zero_call_used_regs("used")))

#define CAES_INLINE static inline __attribute__((always_inline))

/* Makes the compiler do things in our order. Its own lets one block after the other through all rounds, each
   waiting for itself. */
#define CAES_KEEP_ORDER(vector) __asm__ volatile("" : "+v"(vector))

/* Makes the compiler load from where a pointer points, rather than keep copies of all of it elsewhere. */
#define CAES_KEEP_THERE(pointer) __asm__ volatile("" : "+r"(pointer))

/* FIPS 197, section 5.2: the constant of the round key `index`; with 32 bytes of key the odd ones have none. */
CAES_INLINE int caes_round_constant(int index, bool is_long) {
  static const uint8_t constants[] = {1, 2, 4, 8, 16, 32, 64, 128, 27, 54};
  if (!is_long) return constants[index - 1];
  return index % 2 == 0 ? constants[index / 2 - 1] : 0;
}
#endif
