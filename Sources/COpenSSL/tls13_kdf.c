/* TLS13-KDF as OpenSSL 3 defines it (EVP_KDF-TLS13_KDF(7)): HKDF-Extract over "derived", HKDF-Expand-Label. */
#include "kdfs.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stddef.h>
#include <string.h>

/* A salt and a transcript's hash are no longer than a hash; prefix and label share a byte of length. */
enum { INPUT_LIMIT = BLOCK_LIMIT, TEXT_LIMIT = 255, LABEL_LIMIT = 2 + 1 + TEXT_LIMIT + 1 + INPUT_LIMIT };

typedef struct {
  copenssl_kdfs *kdfs;
  const EVP_MD *digest;
  int mode;
  size_t key_count, salt_count, prefix_count, label_count, data_count;
  int has_key, has_salt;
  unsigned char key[SHARED_SECRET_LIMIT], salt[INPUT_LIMIT], data[INPUT_LIMIT];
  unsigned char prefix[TEXT_LIMIT], label[TEXT_LIMIT];
} Derivation;

static void clear(void *memory) {
  Derivation *d = memory;
  OPENSSL_cleanse(d->key, d->key_count);
  OPENSSL_cleanse(d->salt, d->salt_count);
  copenssl_kdfs *kdfs = d->kdfs;
  /* All that is read before it is written. */
  memset(d, 0, offsetof(Derivation, key));
  d->kdfs = kdfs;
}

static void *make(void *kdfs) {
  Derivation *d = OPENSSL_malloc(sizeof(Derivation));
  if (d == NULL) return NULL;
  memset(d, 0, offsetof(Derivation, key));
  d->kdfs = kdfs;
  return d;
}

static void drop(void *memory) {
  if (memory == NULL) return;
  clear(memory);
  OPENSSL_free(memory);
}

static int copy(const OSSL_PARAM *p, unsigned char *to, size_t limit, size_t *count) {
  if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > limit) return 0;
  if (p->data_size > 0) memcpy(to, p->data, p->data_size);
  *count = p->data_size;
  return 1;
}

static int set_mode(Derivation *d, const OSSL_PARAM *p) {
  if (p->data_type == OSSL_PARAM_INTEGER) return OSSL_PARAM_get_int(p, &d->mode);
  if (p->data_type != OSSL_PARAM_UTF8_STRING) return 0;
  if (strcmp(p->data, "EXTRACT_ONLY") == 0)
    d->mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
  else if (strcmp(p->data, "EXPAND_ONLY") == 0)
    d->mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  else
    return 0;
  return 1;
}

static int set_digest(Derivation *d, const OSSL_PARAM *p) {
  if (p->data_type != OSSL_PARAM_UTF8_STRING) return 0;
  d->digest = copenssl_find_digest(d->kdfs, p->data);
  return d->digest != NULL;
}

static int set_one(Derivation *d, const OSSL_PARAM *p) {
  if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0) return set_mode(d, p);
  if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0) return set_digest(d, p);
  if (strcmp(p->key, OSSL_KDF_PARAM_PREFIX) == 0) return copy(p, d->prefix, TEXT_LIMIT, &d->prefix_count);
  if (strcmp(p->key, OSSL_KDF_PARAM_LABEL) == 0) return copy(p, d->label, TEXT_LIMIT, &d->label_count);
  if (strcmp(p->key, OSSL_KDF_PARAM_DATA) == 0) return copy(p, d->data, INPUT_LIMIT, &d->data_count);
  if (strcmp(p->key, OSSL_KDF_PARAM_KEY) == 0) {
    d->has_key = 1;
    return copy(p, d->key, SHARED_SECRET_LIMIT, &d->key_count);
  }
  if (strcmp(p->key, OSSL_KDF_PARAM_SALT) == 0) {
    d->has_salt = 1;
    return copy(p, d->salt, INPUT_LIMIT, &d->salt_count);
  }
  /* Property queries and what else there may be don't apply here. */
  return 1;
}

static int set(void *memory, const OSSL_PARAM parameters[]) {
  if (parameters == NULL) return 1;
  Derivation *d = memory;
  /* Data is a call's own, as in the default provider. */
  d->data_count = 0;
  for (const OSSL_PARAM *p = parameters; p->key != NULL; p++)
    if (!set_one(d, p)) return 0;
  return 1;
}

static const OSSL_PARAM *settable(void *memory, void *kdfs) {
  (void)memory, (void)kdfs;
  static const OSSL_PARAM known[] = {
      OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, NULL),
      OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_KDF_PARAM_DATA, NULL, 0),
      OSSL_PARAM_END,
  };
  return known;
}

static unsigned char *append(unsigned char *to, const unsigned char *bytes, size_t count) {
  memcpy(to, bytes, count);
  return to + count;
}

/* HkdfLabel (RFC 8446 section 7.1). Returns its length; 0 when a label or a hash is too long for it. */
static size_t write_label(
    const Derivation *d, const unsigned char *data, size_t data_count, size_t length,
    unsigned char label[LABEL_LIMIT]) {
  if (d->prefix_count + d->label_count > TEXT_LIMIT || data_count > INPUT_LIMIT || length > 0xffff) return 0;
  unsigned char *end = label;
  *end++ = (unsigned char)(length >> 8);
  *end++ = (unsigned char)length;
  *end++ = (unsigned char)(d->prefix_count + d->label_count);
  end = append(end, d->prefix, d->prefix_count);
  end = append(end, d->label, d->label_count);
  *end++ = (unsigned char)data_count;
  return (size_t)(append(end, data, data_count) - label);
}

/* HKDF-Expand-Label: RFC 5869 section 2.3 over the label. */
static int expand(
    const Derivation *d, const unsigned char *secret, size_t secret_count, const unsigned char *data,
    size_t data_count, unsigned char *out, size_t count) {
  unsigned char label[LABEL_LIMIT];
  size_t label_count = write_label(d, data, data_count, count, label);
  Keyed keyed;
  if (label_count == 0 || !copenssl_key(d->kdfs, &keyed, d->digest, (Bytes){secret, secret_count})) return 0;
  unsigned char hash[HASH_LIMIT], round = 0;
  size_t hash_count = 0;
  int is_good = count <= 255 * keyed.hash_count;
  while (is_good && count > 0) {
    round++;
    Bytes parts[] = {{hash, hash_count}, {label, label_count}, {&round, 1}};
    is_good = copenssl_authenticate(d->kdfs, &keyed, parts, 3, hash);
    hash_count = keyed.hash_count;
    size_t part = count < hash_count ? count : hash_count;
    if (is_good) out = append(out, hash, part);
    count -= part;
  }
  OPENSSL_cleanse(hash, sizeof hash);
  copenssl_wipe(&keyed);
  return is_good;
}

/* The next secret of the key schedule: HKDF-Extract (RFC 5869 section 2.2) of the key, salted with what
   "derived" makes of the secret before it. Without a key, and without a salt, zeros. */
static int extract(const Derivation *d, unsigned char *out, size_t count) {
  static const unsigned char zeros[HASH_LIMIT];
  size_t hash_count = (size_t)EVP_MD_get_size(d->digest);
  unsigned char salt[HASH_LIMIT], empty[HASH_LIMIT];
  Bytes salting = {zeros, 0};
  if (count != hash_count) return 0;
  int is_good = 1;
  if (d->has_salt) {
    EVP_MD_CTX *hashing = d->kdfs->hashing;
    is_good = EVP_DigestInit_ex2(hashing, d->digest, NULL) && EVP_DigestFinal_ex(hashing, empty, NULL)
        && expand(d, d->salt, d->salt_count, empty, hash_count, salt, hash_count);
    salting = (Bytes){salt, hash_count};
  }
  Keyed keyed;
  if (is_good && copenssl_key(d->kdfs, &keyed, d->digest, salting)) {
    Bytes key = d->has_key ? (Bytes){d->key, d->key_count} : (Bytes){zeros, hash_count};
    is_good = copenssl_authenticate(d->kdfs, &keyed, &key, 1, out);
    copenssl_wipe(&keyed);
  }
  OPENSSL_cleanse(salt, sizeof salt);
  return is_good;
}

/* Keeps a copy of the application traffic secrets for the record layer that takes over. */
static void keep(const Derivation *d, const unsigned char *secret, size_t count) {
  copenssl_secrets *secrets = d->kdfs->secrets;
  if (secrets == NULL || count > sizeof secrets->client || d->label_count != 12) return;
  if (memcmp(d->label, "c ap traffic", 12) == 0) {
    memcpy(secrets->client, secret, count);
    secrets->client_count = (unsigned char)count;
  } else if (memcmp(d->label, "s ap traffic", 12) == 0) {
    memcpy(secrets->server, secret, count);
    secrets->server_count = (unsigned char)count;
  }
}

static int derive(void *memory, unsigned char *out, size_t count, const OSSL_PARAM parameters[]) {
  Derivation *d = memory;
  if (!set(d, parameters) || d->digest == NULL) return 0;
  if (d->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY) return extract(d, out, count);
  if (d->mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY || !d->has_key) return 0;
  if (!expand(d, d->key, d->key_count, d->data, d->data_count, out, count)) return 0;
  keep(d, out, count);
  return 1;
}

const OSSL_DISPATCH copenssl_tls13_kdf[] = {
    {OSSL_FUNC_KDF_NEWCTX, (void (*)(void))make},
    {OSSL_FUNC_KDF_FREECTX, (void (*)(void))drop},
    {OSSL_FUNC_KDF_RESET, (void (*)(void))clear},
    {OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive},
    {OSSL_FUNC_KDF_SET_CTX_PARAMS, (void (*)(void))set},
    {OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
    {0, NULL},
};
