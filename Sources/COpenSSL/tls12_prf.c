/* TLS1-PRF as OpenSSL 3 defines it (EVP_KDF-TLS1_PRF(7)), for TLS 1.2 only: RFC 5246 section 5. */
#include "kdfs.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

/* A label with two randoms or a hash has less than 128 bytes. */
enum { SEED_LIMIT = 512 };

typedef struct {
  copenssl_kdfs *kdfs;
  const EVP_MD *digest;
  size_t secret_count, seed_count;
  unsigned char secret[SHARED_SECRET_LIMIT], seed[SEED_LIMIT];
} Derivation;

static void clear(void *memory) {
  Derivation *d = memory;
  OPENSSL_cleanse(d->secret, d->secret_count);
  d->digest = NULL;
  d->secret_count = d->seed_count = 0;
}

static void *make(void *kdfs) {
  Derivation *d = OPENSSL_malloc(sizeof(Derivation));
  if (d == NULL) return NULL;
  d->kdfs = kdfs;
  d->digest = NULL;
  d->secret_count = d->seed_count = 0;
  return d;
}

static void drop(void *memory) {
  if (memory == NULL) return;
  clear(memory);
  OPENSSL_free(memory);
}

static int set_one(Derivation *d, const OSSL_PARAM *p) {
  if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0) {
    d->digest = p->data_type == OSSL_PARAM_UTF8_STRING ? copenssl_find_digest(d->kdfs, p->data) : NULL;
    return d->digest != NULL;
  }
  if (strcmp(p->key, OSSL_KDF_PARAM_SECRET) == 0) {
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > SHARED_SECRET_LIMIT) return 0;
    if (p->data_size > 0) memcpy(d->secret, p->data, p->data_size);
    d->secret_count = p->data_size;
  }
  /* Seeds add up. */
  if (strcmp(p->key, OSSL_KDF_PARAM_SEED) == 0) {
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > SEED_LIMIT - d->seed_count) return 0;
    if (p->data_size > 0) memcpy(d->seed + d->seed_count, p->data, p->data_size);
    d->seed_count += p->data_size;
  }
  return 1;
}

static int set(void *memory, const OSSL_PARAM parameters[]) {
  if (parameters == NULL) return 1;
  for (const OSSL_PARAM *p = parameters; p->key != NULL; p++)
    if (!set_one(memory, p)) return 0;
  return 1;
}

static const OSSL_PARAM *settable(void *memory, void *kdfs) {
  (void)memory, (void)kdfs;
  static const OSSL_PARAM known[] = {
      OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SECRET, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SEED, NULL, 0),
      OSSL_PARAM_END,
  };
  return known;
}

/* P_hash. */
static int derive(void *memory, unsigned char *out, size_t count, const OSSL_PARAM parameters[]) {
  Derivation *d = memory;
  Keyed keyed;
  if (!set(d, parameters) || d->digest == NULL || d->secret_count == 0 || d->seed_count == 0) return 0;
  if (!copenssl_key(d->kdfs, &keyed, d->digest, (Bytes){d->secret, d->secret_count})) return 0;
  Bytes seed = {d->seed, d->seed_count};
  unsigned char chain[HASH_LIMIT], hash[HASH_LIMIT];
  int is_good = copenssl_authenticate(d->kdfs, &keyed, &seed, 1, chain);
  while (is_good && count > 0) {
    Bytes parts[] = {{chain, keyed.hash_count}, seed};
    size_t part = count < keyed.hash_count ? count : keyed.hash_count;
    is_good = copenssl_authenticate(d->kdfs, &keyed, parts, 2, hash);
    if (is_good) memcpy(out, hash, part);
    out += part;
    count -= part;
    if (is_good && count > 0) is_good = copenssl_authenticate(d->kdfs, &keyed, parts, 1, chain);
  }
  OPENSSL_cleanse(chain, sizeof chain);
  OPENSSL_cleanse(hash, sizeof hash);
  copenssl_wipe(&keyed);
  return is_good;
}

const OSSL_DISPATCH copenssl_tls12_prf[] = {
    {OSSL_FUNC_KDF_NEWCTX, (void (*)(void))make},
    {OSSL_FUNC_KDF_FREECTX, (void (*)(void))drop},
    {OSSL_FUNC_KDF_RESET, (void (*)(void))clear},
    {OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive},
    {OSSL_FUNC_KDF_SET_CTX_PARAMS, (void (*)(void))set},
    {OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
    {0, NULL},
};
