/* What the files of the provider share: its context, and HMAC. */
#pragma once
#include "COpenSSLKDFs.h"

#include <openssl/core.h>
#include <openssl/evp.h>

struct copenssl_kdfs {
  OSSL_PROVIDER *provider;
  EVP_MD *sha256;
  EVP_MD *sha384;
  EVP_MD_CTX *hashing;
  copenssl_secrets *secrets;
};

extern const OSSL_DISPATCH copenssl_tls13_kdf[];
extern const OSSL_DISPATCH copenssl_tls12_prf[];

/* The longest hash, the longest block of one, and the longest shared secret: ffdhe8192's. */
enum { HASH_LIMIT = 48, BLOCK_LIMIT = 128, SHARED_SECRET_LIMIT = 1024 };

typedef struct {
  const unsigned char *bytes;
  size_t count;
} Bytes;

/* A hash, and a key's two blocks for it (RFC 2104). */
typedef struct {
  const EVP_MD *digest;
  size_t hash_count;
  size_t block_count;
  unsigned char inner[BLOCK_LIMIT];
  unsigned char outer[BLOCK_LIMIT];
} Keyed;

/* The hash of that name, SHA-256 or SHA-384 in either of OpenSSL's spellings; else NULL. */
const EVP_MD *copenssl_find_digest(const copenssl_kdfs *kdfs, const char *name);

/* Makes a key's blocks. Returns 0 when OpenSSL fails. */
int copenssl_key(copenssl_kdfs *kdfs, Keyed *keyed, const EVP_MD *digest, Bytes key);

/* HMAC of the parts, one after another, `hash_count` bytes; `hash` may be one of the parts. */
int copenssl_authenticate(
    copenssl_kdfs *kdfs, const Keyed *keyed, const Bytes *parts, size_t count, unsigned char *hash);

void copenssl_wipe(Keyed *keyed);
