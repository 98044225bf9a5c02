/* AES-GCM (FIPS 197, SP 800-38D) for the records of TLS 1.3 and 1.2, by the processor's instructions.

   Constant time in keys and data; only lengths, addresses and whether a tag is right show. Keys come with
   each call, and nothing of them stays in memory behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ways to do it, the better ones last; a processor that has one has those before it. */
typedef enum caes_path {
  /* The processor hasn't what it takes. */
  caes_path_none,
  /* AES-NI, PCLMULQDQ, SSE4.1: 16 bytes an instruction. */
  caes_path_aesni,
  /* VAES, VPCLMULQDQ, AVX2: 32. */
  caes_path_avx2,
  /* VAES, VPCLMULQDQ, AVX-512: 64. */
  caes_path_avx512,
} caes_path;

/* The best path of this processor and its kernel. */
caes_path caes_path_best(void);

enum {
  /* What is authenticated with a record: its header in TLS 1.3; in TLS 1.2 that and the sequence number. */
  caes_header_count = 5,
  caes_long_header_count = 13,
  caes_nonce_count = 12,
  caes_tag_count = 16,
  /* The most bytes of a record's content: far below where the block counter, 32 bits that begin with 1, wraps. */
  caes_count_max = 1 << 20,
};

/* Encrypts the `count` bytes behind a record's header in place, and writes the tag behind them; the header is
   authenticated with them.

   `path` must be one that the processor has; `key` has 16 or 32 bytes, the header one of the lengths above. */
void caes_gcm_seal(
  caes_path path, const uint8_t *key, size_t key_count, const uint8_t *nonce, uint8_t *record,
  size_t header_count, size_t count);

/* Decrypts the `count` bytes behind a record's header in place; the tag stands behind them and stays. False
   when they aren't authentic: then the bytes are zeros. */
bool caes_gcm_open(
  caes_path path, const uint8_t *key, size_t key_count, const uint8_t *nonce, uint8_t *record,
  size_t header_count, size_t count);
