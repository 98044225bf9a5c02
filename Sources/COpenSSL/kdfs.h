/* What the files of the provider share: its context, its tables, and HMAC. */
#pragma once
#include "COpenSSLKDFs.h"

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

/* More than the default provider has functions for a key. */
enum { TABLE_LIMIT = 40 };

/* The default provider's functions for X25519, and what we make of them. */
typedef struct {
  void *context;
  OSSL_FUNC_keymgmt_new_fn *new_key;
  OSSL_FUNC_keymgmt_free_fn *free_key;
  OSSL_FUNC_keymgmt_import_fn *import;
  OSSL_FUNC_keymgmt_gen_init_fn *start;
  OSSL_FUNC_keymgmt_gen_set_params_fn *set;
  OSSL_FUNC_keymgmt_gen_settable_params_fn *settable;
  OSSL_FUNC_keymgmt_gen_fn *generate;
  OSSL_FUNC_keymgmt_gen_cleanup_fn *stop;
  OSSL_FUNC_keyexch_newctx_fn *new_exchange;
  OSSL_FUNC_keyexch_freectx_fn *free_exchange;
  OSSL_FUNC_keyexch_init_fn *start_exchange;
  OSSL_FUNC_keyexch_set_peer_fn *set_peer;
  OSSL_FUNC_keyexch_derive_fn *derive;
  OSSL_DISPATCH management_table[TABLE_LIMIT];
  OSSL_DISPATCH exchange_table[TABLE_LIMIT];
  /* The point that public keys are multiples of: 9 (RFC 7748 section 4.1). NULL where the default provider
     isn't as we know it. */
  void *base;
} X25519;

struct copenssl_kdfs {
  OSSL_LIB_CTX *context;
  OSSL_PROVIDER *provider;
  OSSL_PROVIDER *original;
  EVP_MD *sha256;
  EVP_MD *sha384;
  EVP_MD_CTX *hashing;
  copenssl_secrets *secrets;
  X25519 x25519;
  EC_GROUP *p256;
  /* Of P-256 and, where that pays, X25519. */
  OSSL_ALGORITHM management[3];
  OSSL_ALGORITHM exchange[3];
};

/* What the provider's algorithms are chosen by. */
#define COPENSSL_PROPERTY "provider=tidegate"

extern const OSSL_DISPATCH copenssl_tls13_kdf[];
extern const OSSL_DISPATCH copenssl_tls12_prf[];
extern const OSSL_DISPATCH copenssl_p256_management[];
extern const OSSL_DISPATCH copenssl_p256_exchange[];

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

/* Takes X25519 over from the default provider where that pays: adds it to the tables. */
void copenssl_start_x25519(copenssl_kdfs *kdfs, OSSL_PROVIDER *original);

void copenssl_stop_x25519(copenssl_kdfs *kdfs);

/* Returns 0 when memory is short. */
int copenssl_start_p256(copenssl_kdfs *kdfs);

void copenssl_stop_p256(copenssl_kdfs *kdfs);

/* Tells libssl of the group; as a provider's function for its capabilities does. */
int copenssl_p256_describe(OSSL_CALLBACK *report, void *argument);
