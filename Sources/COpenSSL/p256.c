/* The default provider makes a group of P-256 by its name for each key, and checks a peer's point with a
   multiplication by the curve's order, which says nothing on a curve of cofactor 1: a point that is on it and
   not at infinity has that order (RFC 8446 section 4.2.8.2). Here is one group per library, and the check is
   the decoding. All arithmetic stays OpenSSL's, by the same functions as its own ECDH, constant-time as it is. */
#include "p256.h"

#include "COpenSSLShares.h"

#include <openssl/obj_mac.h>
#include <string.h>

P256Key *copenssl_p256_new(copenssl_kdfs *kdfs) {
  P256Key *key = OPENSSL_zalloc(sizeof *key);
  if (key != NULL) key->kdfs = kdfs;
  return key;
}

/* What a key holds. */
static void empty(P256Key *key) {
  BN_clear_free(key->scalar);
  EC_POINT_free(key->point);
}

void copenssl_p256_free(P256Key *key) {
  if (key == NULL) return;
  empty(key);
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

static int encode(
    const EC_GROUP *group, const EC_POINT *point, unsigned char bytes[POINT_COUNT], BN_CTX *numbers) {
  return EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, POINT_COUNT, numbers)
      == POINT_COUNT;
}

static int has_form(const P256Key *key, const unsigned char *bytes, size_t count) {
  if (count == POINT_COUNT) return bytes[0] == POINT_CONVERSION_UNCOMPRESSED;
  /* The last bit is the y coordinate's. */
  return key->takes_compressed && count == COMPRESSED_COUNT
      && (bytes[0] & 0xfe) == POINT_CONVERSION_COMPRESSED;
}

/* OpenSSL refuses coordinates beyond the field and points beside the curve. */
static int decode(P256Key *key, EC_POINT *point, const unsigned char *bytes, size_t count, BN_CTX *numbers) {
  const EC_GROUP *group = key->kdfs->p256;
  unsigned char encoded[POINT_COUNT];
  if (!EC_POINT_oct2point(group, point, bytes, count, numbers) || EC_POINT_is_at_infinity(group, point))
    return 0;
  if (count != POINT_COUNT) {
    if (!encode(group, point, encoded, numbers)) return 0;
    bytes = encoded;
  }
  memcpy(key->encoded, bytes, POINT_COUNT);
  return 1;
}

int copenssl_p256_set_point(P256Key *key, const unsigned char *bytes, size_t count) {
  if (key->scalar != NULL || !has_form(key, bytes, count)) return 0;
  BN_CTX *numbers = new_numbers(key->kdfs);
  EC_POINT *point = EC_POINT_new(key->kdfs->p256);
  int is_good = numbers != NULL && point != NULL && decode(key, point, bytes, count, numbers);
  BN_CTX_free(numbers);
  EC_POINT *other = is_good ? key->point : point;
  if (is_good) key->point = point;
  EC_POINT_free(other);
  return is_good;
}

/* In [1, order - 1], each as likely as any other. */
static int draw(BIGNUM *scalar, const EC_GROUP *group, BN_CTX *numbers) {
  do {
    if (!BN_priv_rand_range_ex(scalar, EC_GROUP_get0_order(group), 0, numbers)) return 0;
  } while (BN_is_zero(scalar));
  return 1;
}

/* The same from random bytes; what isn't in the range is refused, so that all in it stay as likely. */
static int take(BIGNUM *scalar, const EC_GROUP *group, const unsigned char bytes[COORDINATE_COUNT]) {
  return BN_bin2bn(bytes, COORDINATE_COUNT, scalar) != NULL && !BN_is_zero(scalar)
      && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0;
}

/* From those bytes; drawn where they are NULL. */
static int make(P256Key *key, const unsigned char *bytes) {
  const EC_GROUP *group = key->kdfs->p256;
  BN_CTX *numbers = new_numbers(key->kdfs);
  BIGNUM *scalar = BN_secure_new();
  EC_POINT *point = EC_POINT_new(group);
  int is_good = numbers != NULL && scalar != NULL && point != NULL && key->point == NULL;
  if (is_good) {
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    is_good = (bytes == NULL ? draw(scalar, group, numbers) : take(scalar, group, bytes))
        && EC_POINT_mul(group, point, scalar, NULL, NULL, numbers)
        && encode(group, point, key->encoded, numbers);
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

int copenssl_p256_generate(P256Key *key) { return make(key, NULL); }

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

size_t copenssl_share_p256(
    copenssl_kdfs *kdfs, const unsigned char *private, const unsigned char *peer, size_t peer_count,
    unsigned char *share, unsigned char *shared) {
  P256Key ours = {.kdfs = kdfs}, theirs = {.kdfs = kdfs};
  /* The client's first: that costs little, and may be all. */
  int is_good = copenssl_p256_set_point(&theirs, peer, peer_count) && make(&ours, private)
      && copenssl_p256_agree(&ours, &theirs, shared);
  if (is_good) memcpy(share, ours.encoded, POINT_COUNT);
  empty(&ours);
  empty(&theirs);
  return is_good ? POINT_COUNT : 0;
}
