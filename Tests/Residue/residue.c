/* What sealing and opening leave behind in registers and on the stack, and what they show to what they call.

   Each call is made twice in the same place with different secrets: key, nonce and content; what is opened is the
   same ciphertext. Whatever differs afterwards comes of secrets. Of optimized code only; what debug builds leave
   isn't held to anything. */
#define _GNU_SOURCE
#include "CAES.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { STACK_COUNT = 1 << 16, REGISTERS_COUNT = 32 * 64, COUNT_MAX = 16401, PAINT = 0xa5 };

typedef enum Mode { seals, opens, refuses, modes } Mode;

typedef struct Call {
  caes_path path;
  size_t key_count, header_count, count;
  Mode mode;
} Call;

typedef struct Leftovers {
  uint8_t stack[STACK_COUNT];
  uint8_t registers[REGISTERS_COUNT], shown[REGISTERS_COUNT];
} Leftovers;

static uint8_t key[32], nonce[caes_nonce_count], record[caes_long_header_count + COUNT_MAX + caes_tag_count];
static _Alignas(64) uint8_t stack[STACK_COUNT], registers[REGISTERS_COUNT], shown[REGISTERS_COUNT];
static Call current;
static bool is_right, is_calling;
static size_t shows;
static ucontext_t caller, callee;

#define EACH_OF_16(DO) \
  DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define EACH_OF_32(DO) \
  EACH_OF_16(DO) \
  DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23) DO(24) DO(25) DO(26) DO(27) DO(28) DO(29) DO(30) DO(31)
#define CLEAR_XMM(n) "pxor %%xmm" #n ", %%xmm" #n "\n"
#define STORE_XMM(n) "movdqu %%xmm" #n ", 64 * " #n "(%0)\n"
#define CLEAR_YMM(n) "vpxor %%ymm" #n ", %%ymm" #n ", %%ymm" #n "\n"
#define STORE_YMM(n) "vmovdqu %%ymm" #n ", 64 * " #n "(%0)\n"
#define CLEAR_ZMM(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n"
#define STORE_ZMM(n) "vmovdqu64 %%zmm" #n ", 64 * " #n "(%0)\n"

static __attribute__((target("avx2"))) void show_avx2(void) {
  __asm__ volatile(EACH_OF_16(STORE_YMM) : : "r"(shown) : "memory");
}

static __attribute__((target("avx512f"))) void show_avx512(void) {
  __asm__ volatile(EACH_OF_32(STORE_ZMM) : : "r"(shown) : "memory");
}

/* The only function outside that the paths may come to call, in the place of libc's. Binding it lazily would store
   all registers on the stack. */
__attribute__((no_builtin)) void *memset(void *bytes, int byte, size_t count) {
  if (is_calling) {
    if (current.path == caes_path_avx512)
      show_avx512();
    else if (current.path == caes_path_avx2)
      show_avx2();
    else
      __asm__ volatile(EACH_OF_16(STORE_XMM) : : "r"(shown) : "memory");
    shows++;
    is_calling = false;
  }
  for (size_t index = 0; index < count; index++) ((volatile uint8_t *)bytes)[index] = (uint8_t)byte;
  return bytes;
}

static inline __attribute__((always_inline)) void call(void) {
  Call made = current;
  is_calling = true;
  if (made.mode == seals)
    caes_gcm_seal(made.path, key, made.key_count, nonce, record, made.header_count, made.count);
  else
    is_right = caes_gcm_open(made.path, key, made.key_count, nonce, record, made.header_count, made.count);
  is_calling = false;
}

static void call_aesni(void) {
  __asm__ volatile(EACH_OF_16(CLEAR_XMM) : : "r"(registers) : "memory");
  call();
  __asm__ volatile(EACH_OF_16(STORE_XMM) : : "r"(registers) : "memory");
}

static __attribute__((target("avx2"))) void call_avx2(void) {
  __asm__ volatile(EACH_OF_16(CLEAR_YMM) : : "r"(registers) : "memory");
  call();
  __asm__ volatile(EACH_OF_16(STORE_YMM) : : "r"(registers) : "memory");
}

static __attribute__((target("avx512f"))) void call_avx512(void) {
  __asm__ volatile(EACH_OF_32(CLEAR_ZMM) : : "r"(registers) : "memory");
  call();
  __asm__ volatile(EACH_OF_32(STORE_ZMM) : : "r"(registers) : "memory");
}

static void (*const callers[])(void) = {
  [caes_path_aesni] = call_aesni, [caes_path_avx2] = call_avx2, [caes_path_avx512] = call_avx512};

static void fill(uint8_t *bytes, size_t count, uint32_t secret) {
  for (size_t index = 0; index < count; index++) {
    secret = secret * 1664525 + 1013904223;
    bytes[index] = (uint8_t)(secret >> 24);
  }
}

/* Makes a record whose ciphertext is the same under every key. */
static void make_ciphertext(Call made) {
  uint8_t *content = record + made.header_count;
  memset(content, 0, made.count);
  caes_gcm_seal(made.path, key, made.key_count, nonce, record, made.header_count, made.count);
  for (size_t index = 0; index < made.count; index++) content[index] ^= (uint8_t)(index * index);
  caes_gcm_seal(made.path, key, made.key_count, nonce, record, made.header_count, made.count);
}

static void leave(Call made, uint32_t secret, Leftovers *leftovers) {
  current = made;
  fill(key, sizeof key, secret);
  fill(nonce, sizeof nonce, secret + 1);
  fill(record, sizeof record, secret + 2);
  memset(record, 0, made.header_count);
  if (made.mode != seals) make_ciphertext(made);
  if (made.mode == refuses) record[made.header_count + made.count] ^= 1;
  memset(stack, PAINT, sizeof stack);
  memset(registers, 0, sizeof registers);
  memset(shown, 0, sizeof shown);
  is_right = true;
  getcontext(&callee);
  /* What functions save of their callers' registers is ours, and differs. */
  static const int saved[] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};
  for (size_t index = 0; index < sizeof saved / sizeof *saved; index++)
    callee.uc_mcontext.gregs[saved[index]] = 0;
  callee.uc_stack.ss_sp = stack;
  callee.uc_stack.ss_size = sizeof stack;
  callee.uc_link = &caller;
  makecontext(&callee, callers[made.path], 0);
  swapcontext(&caller, &callee);
  if (is_right != (made.mode != refuses)) abort();
  memcpy(leftovers->stack, stack, sizeof stack);
  memcpy(leftovers->registers, registers, sizeof registers);
  memcpy(leftovers->shown, shown, sizeof shown);
}

/* The bytes of the stack that calls touched: more than the test's own, or it saw nothing. */
static size_t touched(const uint8_t *bytes) {
  size_t index = 0;
  while (index < STACK_COUNT && bytes[index] == PAINT) index++;
  return STACK_COUNT - index;
}

static const char *const names[] = {"sealing", "opening", "refusing"};

static int differences(const char *what, const uint8_t *one, const uint8_t *other, size_t count, Call made) {
  size_t different = 0;
  for (size_t index = 0; index < count; index++) different += one[index] != other[index];
  if (different > 0)
    printf(
      "path %d, key of %zu bytes, header of %zu, %s %zu bytes: %zu secret bytes %s\n", made.path, made.key_count,
      made.header_count, names[made.mode], made.count, different, what);
  return different > 0;
}

static int check(Call made) {
  static Leftovers one, other;
  leave(made, 1, &one);
  leave(made, 0x5eed, &other);
  if (touched(one.stack) < 64) abort();
  return differences("left on the stack", one.stack, other.stack, STACK_COUNT, made)
    + differences("left in registers", one.registers, other.registers, REGISTERS_COUNT, made)
    + differences("shown to memset", one.shown, other.shown, REGISTERS_COUNT, made);
}

int main(void) {
  static const size_t counts[] = {0,   1,   16,  32,  48,  65,  100, 112, 128, 129, 176,  200,
                                  223, 224, 225, 240, 256, 272, 300, 336, 500, 529, 4096, COUNT_MAX};
  int failures = 0, calls = 0;
  for (caes_path path = caes_path_aesni; path <= caes_path_best(); path++)
    for (size_t key_count = 16; key_count <= 32; key_count += 16)
      for (size_t header_count = caes_header_count; header_count <= caes_long_header_count;
           header_count += caes_long_header_count - caes_header_count)
        for (Mode mode = seals; mode < modes; mode++)
          for (size_t index = 0; index < sizeof counts / sizeof *counts; index++, calls++)
            failures += check((Call){path, key_count, header_count, counts[index], mode});
  /* Or the last check saw nothing. */
  if (shows == 0) abort();
  printf("%d calls, %d left something\n", calls, failures);
  return failures > 0;
}
