/* Memory for OpenSSL: see COpenSSLMemory.h. */
#include "COpenSSLMemory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Blocks are kept by size: in steps of 16 bytes to 1 KiB, then in four steps from each power of two to the
   next, up to 32 KiB, which is beyond the buffer of one record. Larger ones go to malloc and back. */
enum { SMALL_LIMIT = 1024, SMALL_CLASSES = 64, CLASSES = SMALL_CLASSES + 20, NO_CLASS = CLASSES };

/* What precedes each block; as long as malloc aligns. */
typedef struct Block {
  union {
    struct Block *next; /* while it is kept */
    size_t capacity;    /* while it is in use */
  };
  size_t class;
} Block;

_Static_assert(sizeof(Block) == 16, "blocks must stay aligned as malloc's are");

typedef struct {
  Block *kept[CLASSES];
  size_t kept_bytes;
  int is_known; /* true exactly when the thread's end will give it all back */
} Cache;

static __thread Cache cache;
static pthread_key_t cache_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_used;

static void start(void);

static size_t class_of(size_t count) {
  if (count <= SMALL_LIMIT) return count == 0 ? 0 : (count - 1) / 16;
  size_t last = count - 1;
  unsigned power = 63u - (unsigned)__builtin_clzll(last); /* 10 for 1024...2047 */
  size_t class = SMALL_CLASSES + (power - 10) * 4 + ((last >> (power - 2)) & 3);
  return class < CLASSES ? class : NO_CLASS;
}

static size_t capacity_of(size_t class) {
  if (class < SMALL_CLASSES) return (class + 1) * 16;
  size_t step = class - SMALL_CLASSES;
  return (size_t)(5 + step % 4) << (8 + step / 4);
}

void copenssl_give_back_kept(void) {
  for (size_t class = 0; class < CLASSES; class++) {
    for (Block *block = cache.kept[class]; block != NULL;) {
      Block *next = block->next;
      free(block);
      block = next;
    }
    cache.kept[class] = NULL;
  }
  cache.kept_bytes = 0;
}

static void end_thread(void *unused) {
  (void)unused;
  copenssl_give_back_kept();
  /* OpenSSL's own end of the thread may come later and free more. */
  cache.is_known = 0;
}

static __attribute__((noinline)) void *make(size_t count, size_t class) {
  size_t capacity = class == NO_CLASS ? count : capacity_of(class);
  if (capacity > SIZE_MAX - sizeof(Block)) return NULL;
  Block *block = malloc(sizeof(Block) + capacity);
  if (block == NULL) return NULL;
  block->capacity = capacity;
  block->class = class;
  return block + 1;
}

void *copenssl_take(size_t count, const char *file, int line) {
  (void)file, (void)line;
  size_t class = class_of(count);
  if (class == NO_CLASS || cache.kept[class] == NULL) return make(count, class);
  Block *block = cache.kept[class];
  cache.kept[class] = block->next;
  block->capacity = capacity_of(class);
  cache.kept_bytes -= block->capacity;
  return block + 1;
}

void copenssl_give(void *memory, const char *file, int line) {
  (void)file, (void)line;
  if (memory == NULL) return;
  Block *block = (Block *)memory - 1;
  if (block->class == NO_CLASS || cache.kept_bytes + block->capacity > COPENSSL_KEPT_LIMIT) {
    free(block);
    return;
  }
  if (!cache.is_known) {
    pthread_once(&once, start);
    if (pthread_setspecific(cache_key, &cache) != 0) {
      free(block);
      return;
    }
    cache.is_known = 1;
  }
  cache.kept_bytes += block->capacity;
  block->next = cache.kept[block->class];
  cache.kept[block->class] = block;
}

void *copenssl_change(void *memory, size_t count, const char *file, int line) {
  if (memory == NULL) return copenssl_take(count, file, line);
  if (count == 0) {
    copenssl_give(memory, file, line);
    return NULL;
  }
  Block *block = (Block *)memory - 1;
  if (count <= block->capacity) return memory;
  void *larger = copenssl_take(count, file, line);
  if (larger == NULL) return NULL;
  memcpy(larger, memory, block->capacity);
  copenssl_give(memory, file, line);
  return larger;
}

/* The sanitizers see mistakes with memory only where each block is malloc's. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COPENSSL_IS_WATCHED 1
#endif
#endif

static void start(void) {
  int has_key = pthread_key_create(&cache_key, end_thread) == 0;
#ifdef COPENSSL_IS_WATCHED
  (void)has_key;
#else
  is_used = has_key && CRYPTO_set_mem_functions(copenssl_take, copenssl_change, copenssl_give);
#endif
}

int copenssl_use_kept_memory(void) {
  pthread_once(&once, start);
  return is_used;
}

size_t copenssl_kept_bytes(void) { return cache.kept_bytes; }

void copenssl_return_free(void) { malloc_trim(0); }
