#include "gcm.h"

#include <assert.h>

#if CAES_X86

caes_path caes_path_best(void) {
  __builtin_cpu_init();
  /* These ask the kernel as well (XGETBV): registers that it doesn't save are as good as absent. */
  if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul")
      || !__builtin_cpu_supports("sse4.1"))
    return caes_path_none;
  if (!__builtin_cpu_supports("avx") || !__builtin_cpu_supports("avx2")
      || !__builtin_cpu_supports("vaes") || !__builtin_cpu_supports("vpclmulqdq"))
    return caes_path_aesni;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")
      || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return caes_path_avx2;
  return caes_path_avx512;
}

/* Zeros where the functions of a path had their memory: more than those have, whatever the compiler kept there.
   Not part of its caller, so that it lies where they lay. */
static __attribute__((noinline)) void wipe_stack(void) {
  uint8_t bytes[2048], *start = bytes;
  /* Whose memory it is isn't known behind this, so that it isn't cleared in vain; nor is the pointer wanted behind
     that, so that no register is saved, which would leave a hole between it and the bytes. */
  __asm__ volatile("" : "+r"(start) : : "memory");
  __builtin_memset(start, 0, sizeof bytes);
}

static bool uses_memory(caes_path path, size_t count) {
  return path != caes_path_avx512 || count > caes_avx512_short_max;
}

static bool is_valid(caes_path path, size_t key_count, size_t header_count, size_t count) {
  return path != caes_path_none && (key_count == 16 || key_count == 32)
    && (header_count == caes_header_count || header_count == caes_long_header_count) && count <= caes_count_max;
}

void caes_gcm_seal(
  caes_path path, const uint8_t *key, size_t key_count, const uint8_t *nonce, uint8_t *record,
  size_t header_count, size_t count) {
  assert(is_valid(path, key_count, header_count, count));
  switch (path) {
  case caes_path_avx512: caes_avx512_seal(key, key_count == 32, nonce, record, header_count, count); break;
  case caes_path_avx2: caes_avx2_seal(key, key_count == 32, nonce, record, header_count, count); break;
  default: caes_aesni_seal(key, key_count == 32, nonce, record, header_count, count); break;
  }
  if (uses_memory(path, count)) wipe_stack();
}

bool caes_gcm_open(
  caes_path path, const uint8_t *key, size_t key_count, const uint8_t *nonce, uint8_t *record,
  size_t header_count, size_t count) {
  assert(is_valid(path, key_count, header_count, count));
  bool is_right = path == caes_path_avx512 ? caes_avx512_open(key, key_count == 32, nonce, record, header_count, count)
    : path == caes_path_avx2               ? caes_avx2_open(key, key_count == 32, nonce, record, header_count, count)
                                           : caes_aesni_open(key, key_count == 32, nonce, record, header_count, count);
  if (uses_memory(path, count)) wipe_stack();
  if (!is_right) __builtin_memset(record + header_count, 0, count);
  return is_right;
}

#else

/* Nobody may call the others then. */
caes_path caes_path_best(void) { return caes_path_none; }

void caes_gcm_seal(
  caes_path path, const uint8_t *key, size_t key_count, const uint8_t *nonce, uint8_t *record,
  size_t header_count, size_t count) {
  (void)path, (void)key, (void)key_count, (void)nonce, (void)record, (void)header_count, (void)count;
  __builtin_trap();
}

bool caes_gcm_open(
  caes_path path, const uint8_t *key, size_t key_count, const uint8_t *nonce, uint8_t *record,
  size_t header_count, size_t count) {
  (void)path, (void)key, (void)key_count, (void)nonce, (void)record, (void)header_count, (void)count;
  return false;
}

#endif
