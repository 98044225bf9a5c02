/* Keys of P-256 for TLS's key exchange, and the arithmetic of them: see p256.c. */
#pragma once
#include "kdfs.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

/* An uncompressed point: 4, x, y; a compressed one: 2 or 3, x (SEC 1 section 2.3.3). */
enum { POINT_COUNT = 65, COMPRESSED_COUNT = 33, COORDINATE_COUNT = 32 };

/* A key of which nothing is known yet, or a peer's, or ours. */
typedef struct {
  copenssl_kdfs *kdfs;
  /* In [1, order - 1]; NULL in a peer's. */
  BIGNUM *scalar;
  /* On the curve and not at infinity; NULL until known. */
  EC_POINT *point;
  /* The same, uncompressed, as it goes over the wire. */
  unsigned char encoded[POINT_COUNT];
  /* True exactly when a peer's point may be compressed. */
  int takes_compressed;
} P256Key;

/* NULL when memory is short. */
P256Key *copenssl_p256_new(copenssl_kdfs *kdfs);

/* NULL is allowed. The scalar is cleansed. */
void copenssl_p256_free(P256Key *key);

/* Takes a peer's point. Returns 0, the key as it was, unless it is a point of the curve in a form that the
   key takes. */
int copenssl_p256_set_point(P256Key *key, const unsigned char *bytes, size_t count);

/* Makes an empty key a fresh one. Returns 0 when OpenSSL fails. */
int copenssl_p256_generate(P256Key *key);

/* The x coordinate of our scalar times the peer's point (RFC 8446 section 7.4.2). Returns 0 when a half is
   missing, the product is at infinity, or OpenSSL fails. */
int copenssl_p256_agree(const P256Key *ours, const P256Key *peer, unsigned char secret[COORDINATE_COUNT]);
