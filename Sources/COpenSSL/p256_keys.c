/* P-256 as libssl gets it: keys and exchanges under a name of our own, and TLS's group that leads to them. */
#include "p256.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/prov_ssl.h>
#include <strings.h>

static const char group_name[] = "prime256v1";

/* Keys. */

static void *new_key(void *kdfs) { return copenssl_p256_new(kdfs); }

static void free_key(void *key) { copenssl_p256_free(key); }

static int has(const void *memory, int selection) {
  const P256Key *key = memory;
  if (key == NULL) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && key->point == NULL) return 0;
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->scalar != NULL;
}

/* A private half has no other public half than its own. */
static int match(const void *one, const void *other, int selection) {
  const P256Key *a = one, *b = other;
  if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0) return 1;
  return a->point != NULL && b->point != NULL && CRYPTO_memcmp(a->encoded, b->encoded, POINT_COUNT) == 0;
}

/* No key has a point that hasn't been checked: see p256.c. */
static int validate(const void *key, int selection, int check) {
  (void)check;
  return has(key, selection);
}

/* libssl copies parameters, of which a key here has none, for a client's share of TLS 1.2. That may be
   compressed: OpenSSL's servers announce that they take it (RFC 8422 section 5.1.2), and no interface keeps
   them from it. TLS 1.3 has no such form (RFC 8446 section 4.2.8.2); there the parameters are generated. */
static void *duplicate(const void *memory, int selection) {
  const P256Key *original = memory;
  if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0) return NULL;
  P256Key *key = copenssl_p256_new(original->kdfs);
  if (key != NULL) key->takes_compressed = 1;
  return key;
}

static int set_number(OSSL_PARAM parameters[], const char *name, int number) {
  OSSL_PARAM *found = OSSL_PARAM_locate(parameters, name);
  return found == NULL || OSSL_PARAM_set_int(found, number);
}

static int get(void *memory, OSSL_PARAM parameters[]) {
  P256Key *key = memory;
  OSSL_PARAM *group = OSSL_PARAM_locate(parameters, OSSL_PKEY_PARAM_GROUP_NAME);
  OSSL_PARAM *encoded = OSSL_PARAM_locate(parameters, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
  return set_number(parameters, OSSL_PKEY_PARAM_BITS, 256)
      && set_number(parameters, OSSL_PKEY_PARAM_SECURITY_BITS, 128)
      && set_number(parameters, OSSL_PKEY_PARAM_MAX_SIZE, POINT_COUNT)
      && (group == NULL || OSSL_PARAM_set_utf8_string(group, group_name))
      && (encoded == NULL || key->point == NULL
          || OSSL_PARAM_set_octet_string(encoded, key->encoded, POINT_COUNT));
}

static const OSSL_PARAM *gettable(void *kdfs) {
  (void)kdfs;
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
      OSSL_PARAM_END,
  };
  return list;
}

static int set(void *key, const OSSL_PARAM parameters[]) {
  const OSSL_PARAM *encoded = OSSL_PARAM_locate_const(parameters, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
  const void *bytes = NULL;
  size_t count = 0;
  return encoded == NULL
      || (OSSL_PARAM_get_octet_string_ptr(encoded, &bytes, &count) && bytes != NULL
          && copenssl_p256_set_point(key, bytes, count));
}

static const OSSL_PARAM *settable(void *kdfs) {
  (void)kdfs;
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
      OSSL_PARAM_END,
  };
  return list;
}

/* Generation: of a pair, or of the mere parameters, into which a peer's point goes later. */

typedef struct {
  copenssl_kdfs *kdfs;
  int selection;
} Generation;

static int set_group(void *generation, const OSSL_PARAM parameters[]) {
  (void)generation;
  const OSSL_PARAM *group = OSSL_PARAM_locate_const(parameters, OSSL_PKEY_PARAM_GROUP_NAME);
  char name[sizeof group_name], *copy = name;
  return group == NULL
      || (OSSL_PARAM_get_utf8_string(group, &copy, sizeof name) && strcasecmp(name, group_name) == 0);
}

static const OSSL_PARAM *settable_group(void *generation, void *kdfs) {
  (void)generation, (void)kdfs;
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
      OSSL_PARAM_END,
  };
  return list;
}

static void *start(void *kdfs, int selection, const OSSL_PARAM parameters[]) {
  Generation *generation = set_group(NULL, parameters) ? OPENSSL_malloc(sizeof *generation) : NULL;
  if (generation != NULL) *generation = (Generation){kdfs, selection};
  return generation;
}

static void *generate(void *memory, OSSL_CALLBACK *report, void *argument) {
  (void)report, (void)argument;
  Generation *generation = memory;
  P256Key *key = copenssl_p256_new(generation->kdfs);
  if (key == NULL || (generation->selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0
      || copenssl_p256_generate(key))
    return key;
  copenssl_p256_free(key);
  return NULL;
}

static void stop(void *generation) { OPENSSL_free(generation); }

const OSSL_DISPATCH copenssl_p256_management[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))new_key},
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))free_key},
    {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))has},
    {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))match},
    {OSSL_FUNC_KEYMGMT_VALIDATE, (void (*)(void))validate},
    {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))duplicate},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))get},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))gettable},
    {OSSL_FUNC_KEYMGMT_SET_PARAMS, (void (*)(void))set},
    {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, (void (*)(void))settable},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))start},
    {OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, (void (*)(void))set_group},
    {OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, (void (*)(void))settable_group},
    {OSSL_FUNC_KEYMGMT_GEN, (void (*)(void))generate},
    {OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (void (*)(void))stop},
    {0, NULL},
};

/* Exchanges. The EVP_PKEY_CTX around one holds both keys. */

typedef struct {
  const P256Key *ours;
  const P256Key *peer;
} Exchange;

static void *new_exchange(void *kdfs) {
  (void)kdfs;
  return OPENSSL_zalloc(sizeof(Exchange));
}

static void free_exchange(void *exchange) { OPENSSL_free(exchange); }

static int start_exchange(void *memory, void *key, const OSSL_PARAM parameters[]) {
  (void)parameters;
  *(Exchange *)memory = (Exchange){key, NULL};
  return key != NULL;
}

static int set_peer(void *memory, void *key) {
  ((Exchange *)memory)->peer = key;
  return key != NULL;
}

static int derive(void *memory, unsigned char *secret, size_t *count, size_t room) {
  const Exchange *exchange = memory;
  *count = COORDINATE_COUNT;
  if (secret == NULL) return 1;
  return room >= COORDINATE_COUNT && exchange->ours != NULL && exchange->peer != NULL
      && copenssl_p256_agree(exchange->ours, exchange->peer, secret);
}

const OSSL_DISPATCH copenssl_p256_exchange[] = {
    {OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))new_exchange},
    {OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))free_exchange},
    {OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))start_exchange},
    {OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))set_peer},
    {OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))derive},
    {0, NULL},
};

/* The group of TLS (RFC 8446 section 4.2.7), as the default provider describes it but for the algorithm. */

static int describe(char *name, OSSL_CALLBACK *report, void *argument) {
  unsigned id = 23, security_bits = 128;
  int tls_min = TLS1_VERSION, dtls_min = DTLS1_VERSION, unlimited = 0;
  const OSSL_PARAM group[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME, name, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL, (char *)group_name, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_ALG, COPENSSL_P256, 0),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_GROUP_ID, &id),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_GROUP_SECURITY_BITS, &security_bits),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MIN_TLS, &tls_min),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MAX_TLS, &unlimited),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MIN_DTLS, &dtls_min),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MAX_DTLS, &unlimited),
      OSSL_PARAM_construct_end(),
  };
  return report(group, argument);
}

int copenssl_p256_describe(OSSL_CALLBACK *report, void *argument) {
  return describe("secp256r1", report, argument) && describe("P-256", report, argument);
}
