/* The default provider makes a group of P-256 by its name for each key, and checks a peer's point with a
   multiplication by the curve's order, which says nothing on a curve of cofactor 1: a point that is on it and not
   at infinity has that order (RFC 8446 section 4.2.8.2). Here is one group per library, and the check is the
   decoding. All arithmetic stays OpenSSL's, by the same functions as its own ECDH, constant-time like that. */
#include "p256.h"

#include <openssl/obj_mac.h>
#include <string.h>

P256Key *copenssl_p256_new(copenssl_kdfs *kdfs) {
  P256Key *key = OPENSSL_zalloc(sizeof *key);
  if (key != NULL) key->kdfs = kdfs;
  return key;
}

void copenssl_p256_free(P256Key *key) {
  if (key == NULL) return;
  BN_clear_free(key->scalar);
  EC_POINT_free(key->point);
  OPENSSL_free(key);
}

int copenssl_start_p256(copenssl_kdfs *kdfs) {
  kdfs->p256 = EC_GROUP_new_by_curve_name_ex(kdfs->context, NULL, NID_X9_62_prime256v1);
  return kdfs->p256 != NULL;
}

void copenssl_stop_p256(copenssl_kdfs *kdfs) {
  EC_GROUP_free(kdfs->p256);
  kdfs->p256 = NULL;
}

/* It may come to hold secrets, so none outlives its call. */
static BN_CTX *new_numbers(const copenssl_kdfs *kdfs) { return BN_CTX_secure_new_ex(kdfs->context); }

int copenssl_p256_set_point(P256Key *key, const unsigned char *bytes, size_t count) {
  const EC_GROUP *group = key->kdfs->p256;
  if (key->scalar != NULL || count != POINT_COUNT || bytes[0] != POINT_CONVERSION_UNCOMPRESSED) return 0;
  BN_CTX *numbers = new_numbers(key->kdfs);
  EC_POINT *point = EC_POINT_new(group);
  /* It refuses coordinates beyond the field and points beside the curve. */
  if (numbers == NULL || point == NULL || !EC_POINT_oct2point(group, point, bytes, count, numbers)
      || EC_POINT_is_at_infinity(group, point)) {
    EC_POINT_free(point);
    BN_CTX_free(numbers);
    return 0;
  }
  BN_CTX_free(numbers);
  EC_POINT_free(key->point);
  key->point = point;
  memcpy(key->encoded, bytes, count);
  return 1;
}

/* In [1, order - 1], each as likely as any other. */
static int draw(BIGNUM *scalar, const EC_GROUP *group, BN_CTX *numbers) {
  do {
    if (!BN_priv_rand_range_ex(scalar, EC_GROUP_get0_order(group), 0, numbers)) return 0;
  } while (BN_is_zero(scalar));
  return 1;
}

int copenssl_p256_generate(P256Key *key) {
  const EC_GROUP *group = key->kdfs->p256;
  BN_CTX *numbers = new_numbers(key->kdfs);
  BIGNUM *scalar = BN_secure_new();
  EC_POINT *point = EC_POINT_new(group);
  int is_good = numbers != NULL && scalar != NULL && point != NULL && key->point == NULL;
  if (is_good) {
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    is_good = draw(scalar, group, numbers) && EC_POINT_mul(group, point, scalar, NULL, NULL, numbers)
        && EC_POINT_point2oct(
               group, point, POINT_CONVERSION_UNCOMPRESSED, key->encoded, POINT_COUNT, numbers)
            == POINT_COUNT;
  }
  BN_CTX_free(numbers);
  if (is_good) {
    key->scalar = scalar;
    key->point = point;
    return 1;
  }
  BN_clear_free(scalar);
  EC_POINT_free(point);
  return 0;
}

int copenssl_p256_agree(const P256Key *ours, const P256Key *peer, unsigned char secret[COORDINATE_COUNT]) {
  if (ours->scalar == NULL || peer->point == NULL) return 0;
  const EC_GROUP *group = ours->kdfs->p256;
  BN_CTX *numbers = new_numbers(ours->kdfs);
  BIGNUM *x = BN_secure_new();
  EC_POINT *product = EC_POINT_new(group);
  int is_good = numbers != NULL && x != NULL && product != NULL
      && EC_POINT_mul(group, product, NULL, peer->point, ours->scalar, numbers)
      && !EC_POINT_is_at_infinity(group, product)
      && EC_POINT_get_affine_coordinates(group, product, x, NULL, numbers)
      && BN_bn2binpad(x, secret, COORDINATE_COUNT) == COORDINATE_COUNT;
  EC_POINT_clear_free(product);
  BN_clear_free(x);
  BN_CTX_free(numbers);
  return is_good;
}
