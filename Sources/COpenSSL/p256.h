/* Keys of P-256 for TLS's key exchange, and the arithmetic of them: see p256.c. */
#pragma once
#include "kdfs.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

/* An uncompressed point: 4, x, y (SEC 1 section 2.3.3). RFC 8446 section 4.2.8.2 allows no other kind. */
enum { POINT_COUNT = 65, COORDINATE_COUNT = 32 };

/* A key of which nothing is known yet, or a peer's, or ours. */
typedef struct {
  copenssl_kdfs *kdfs;
  /* In [1, order - 1]; NULL in a peer's. */
  BIGNUM *scalar;
  /* On the curve and not at infinity; NULL until known. */
  EC_POINT *point;
  /* The same, as it goes over the wire. */
  unsigned char encoded[POINT_COUNT];
} P256Key;

/* NULL when memory is short. */
P256Key *copenssl_p256_new(copenssl_kdfs *kdfs);

/* NULL is allowed. The scalar is cleansed. */
void copenssl_p256_free(P256Key *key);

/* Takes a peer's point. Returns 0, the key as it was, unless it is an uncompressed point of the curve. */
int copenssl_p256_set_point(P256Key *key, const unsigned char *bytes, size_t count);

/* Makes an empty key a fresh one. Returns 0 when OpenSSL fails. */
int copenssl_p256_generate(P256Key *key);

/* The x coordinate of our scalar times the peer's point (RFC 8446 section 7.4.2). Returns 0 when a half is
   missing, the product is at infinity, or OpenSSL fails. */
int copenssl_p256_agree(const P256Key *ours, const P256Key *peer, unsigned char secret[COORDINATE_COUNT]);
