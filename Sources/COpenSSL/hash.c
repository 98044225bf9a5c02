/* SHA-2 by its own functions: the same code with the same instructions as behind EVP, whose contexts cost more
   than a block. They are out of favour in OpenSSL 3, since no provider can take their place, but part of it. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "COpenSSLHash.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_LIMIT = 128, LABEL_LIMIT = 12, PRF_SEED_LIMIT = 96 };

static int is_small(const copenssl_hash *hash) { return hash->count == SHA256_DIGEST_LENGTH; }

static size_t block_count(const copenssl_hash *hash) { return is_small(hash) ? SHA256_CBLOCK : SHA512_CBLOCK; }

void copenssl_hash_start(copenssl_hash *hash, size_t count) {
  hash->count = count;
  if (count == SHA256_DIGEST_LENGTH)
    SHA256_Init(&hash->state.small);
  else if (count == SHA384_DIGEST_LENGTH)
    SHA384_Init(&hash->state.large);
  else
    SHA512_Init(&hash->state.large);
}

void copenssl_hash_add(copenssl_hash *hash, const void *bytes, size_t count) {
  if (is_small(hash))
    SHA256_Update(&hash->state.small, bytes, count);
  else
    SHA512_Update(&hash->state.large, bytes, count);
}

/* Ends a hash. What is left of it is wiped. */
static void end(copenssl_hash *hash, void *result) {
  if (is_small(hash)) {
    SHA256_Final(result, &hash->state.small);
    OPENSSL_cleanse(&hash->state.small, sizeof hash->state.small);
  } else {
    /* SHA-384 knows its own length. */
    SHA512_Final(result, &hash->state.large);
    OPENSSL_cleanse(&hash->state.large, sizeof hash->state.large);
  }
}

static void copy(copenssl_hash *to, const copenssl_hash *from) {
  to->count = from->count;
  if (is_small(from))
    to->state.small = from->state.small;
  else
    to->state.large = from->state.large;
}

void copenssl_hash_peek(const copenssl_hash *hash, void *result) {
  copenssl_hash ending;
  copy(&ending, hash);
  end(&ending, result);
}

static void start_padded(
    copenssl_hash *hash, size_t hash_count, const unsigned char *key, size_t count, unsigned char pad) {
  unsigned char block[BLOCK_LIMIT];
  copenssl_hash_start(hash, hash_count);
  memset(block, pad, sizeof block);
  for (size_t i = 0; i < count; i++) block[i] ^= key[i];
  copenssl_hash_add(hash, block, block_count(hash));
  OPENSSL_cleanse(block, sizeof block);
}

void copenssl_keyed_start(copenssl_keyed *keyed, size_t hash_count, const void *key, size_t count) {
  start_padded(&keyed->inner, hash_count, key, count, 0x36);
  start_padded(&keyed->outer, hash_count, key, count, 0x5c);
}

/* Ends the inner hash and gives the outer one's result. */
static void end_keyed(const copenssl_keyed *keyed, copenssl_hash *inner, void *result) {
  unsigned char digest[COPENSSL_HASH_LIMIT];
  copenssl_hash outer;
  end(inner, digest);
  copy(&outer, &keyed->outer);
  copenssl_hash_add(&outer, digest, outer.count);
  end(&outer, result);
  OPENSSL_cleanse(digest, sizeof digest);
}

void copenssl_keyed_hash(const copenssl_keyed *keyed, const void *bytes, size_t count, void *result) {
  copenssl_hash inner;
  copy(&inner, &keyed->inner);
  copenssl_hash_add(&inner, bytes, count);
  end_keyed(keyed, &inner, result);
}

void copenssl_keyed_wipe(copenssl_keyed *keyed) { OPENSSL_cleanse(keyed, sizeof *keyed); }

void copenssl_expand(
    const copenssl_keyed *secret, const void *label, size_t label_count, const void *context,
    size_t context_count, void *result, size_t count) {
  /* The HkdfLabel, and the number of HKDF-Expand's only round (RFC 5869 section 2.3). */
  unsigned char info[2 + 1 + 6 + LABEL_LIMIT + 1 + COPENSSL_HASH_LIMIT + 1], *next = info;
  unsigned char hash[COPENSSL_HASH_LIMIT];
  if (label_count > LABEL_LIMIT || context_count > COPENSSL_HASH_LIMIT || count > secret->inner.count) abort();
  *next++ = 0;
  *next++ = (unsigned char)count;
  *next++ = (unsigned char)(6 + label_count);
  memcpy(next, "tls13 ", 6);
  next += 6;
  memcpy(next, label, label_count);
  next += label_count;
  *next++ = (unsigned char)context_count;
  if (context_count > 0) memcpy(next, context, context_count);
  next += context_count;
  *next++ = 1;
  copenssl_keyed_hash(secret, info, (size_t)(next - info), hash);
  memcpy(result, hash, count);
  OPENSSL_cleanse(hash, sizeof hash);
}

/* P_hash: A(1) is the seed's code, A(i + 1) that of A(i); the result's parts are the codes of A(i) and the seed. */
void copenssl_prf(
    const copenssl_keyed *secret, const void *label, size_t label_count, const void *seed, size_t seed_count,
    void *result, size_t count) {
  unsigned char chain[COPENSSL_HASH_LIMIT + PRF_SEED_LIMIT], hash[COPENSSL_HASH_LIMIT], *next = result;
  size_t hash_count = secret->inner.count, all = label_count + seed_count;
  if (label_count > PRF_SEED_LIMIT || seed_count > PRF_SEED_LIMIT - label_count) abort();
  memcpy(chain + hash_count, label, label_count);
  memcpy(chain + hash_count + label_count, seed, seed_count);
  copenssl_keyed_hash(secret, chain + hash_count, all, chain);
  for (;;) {
    size_t part = count < hash_count ? count : hash_count;
    copenssl_keyed_hash(secret, chain, hash_count + all, hash);
    memcpy(next, hash, part);
    next += part;
    count -= part;
    if (count == 0) break;
    copenssl_keyed_hash(secret, chain, hash_count, chain);
  }
  OPENSSL_cleanse(chain, sizeof chain);
  OPENSSL_cleanse(hash, sizeof hash);
}
