/* SHA-2, HMAC (RFC 2104), HKDF-Expand-Label (RFC 8446 section 7.1) and TLS 1.2's PRF (RFC 5246 section 5) in the
   caller's own memory: no contexts, no look-ups, nothing that can fail. A keyed hash can be used again and again, and a hash be looked at on its way. */
#pragma once
#include <features.h>
#include <openssl/sha.h>
#include <stddef.h>

enum { COPENSSL_HASH_LIMIT = 64 };

/* SHA-256, SHA-384 or SHA-512, by the length of its result: 32, 48, 64. */
typedef struct {
  union {
    SHA256_CTX small;
    SHA512_CTX large;
  } state;
  size_t count;
} copenssl_hash;

void copenssl_hash_start(copenssl_hash *hash, size_t count);
void copenssl_hash_add(copenssl_hash *hash, const void *bytes, size_t count);
/* The hash of all that was added so far; more may be. */
void copenssl_hash_peek(const copenssl_hash *hash, void *result);

/* A key's two blocks, hashed. To be wiped. */
typedef struct {
  copenssl_hash inner, outer;
} copenssl_keyed;

/* With a hash of `hash_count` bytes, and a key no longer than the hash's block. */
void copenssl_keyed_start(copenssl_keyed *keyed, size_t hash_count, const void *key, size_t count);
void copenssl_keyed_hash(const copenssl_keyed *keyed, const void *bytes, size_t count, void *result);
void copenssl_keyed_wipe(copenssl_keyed *keyed);

/* `label` without the prefix, at most 12 bytes; `context` at most a hash; `count` at most a hash's length. */
void copenssl_expand(
    const copenssl_keyed *secret, const void *label, size_t label_count, const void *context,
    size_t context_count, void *result, size_t count);

/* `label` and `seed` at most 96 bytes together; `count` any but 0. */
void copenssl_prf(
    const copenssl_keyed *secret, const void *label, size_t label_count, const void *seed, size_t seed_count,
    void *result, size_t count);
