/* X25519 as the default provider has it, but for how a fresh key's public half is computed: X25519(k, 9) (RFC
   7748 section 6.1) by the very function that computes shared secrets. That has assembly on x86-64, whereas
   the default provider's own way is portable code that takes a quarter longer. All arithmetic stays OpenSSL's. */
#include "COpenSSLShares.h"
#include "kdfs.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

enum { KEY_COUNT = 32 };

/* A generation under way: the default provider's, and what is to be made. */
typedef struct {
  copenssl_kdfs *kdfs;
  void *original;
  int selection;
} Generation;

/* The function of that number in a table; NULL when it isn't there. */
static void (*find(const OSSL_DISPATCH *table, int number))(void) {
  for (; table->function_id != 0; table++)
    if (table->function_id == number) return table->function;
  return NULL;
}

static const OSSL_ALGORITHM *find_algorithm(OSSL_PROVIDER *provider, int operation) {
  int no_store = 0;
  const OSSL_ALGORITHM *found = OSSL_PROVIDER_query_operation(provider, operation, &no_store);
  for (; found != NULL && found->algorithm_names != NULL; found++)
    if (strncmp(found->algorithm_names, "X25519", 6) == 0 && strchr(":", found->algorithm_names[6]) != NULL)
      return found;
  return NULL;
}

static void *new_key(void *kdfs) {
  X25519 *x = &((copenssl_kdfs *)kdfs)->x25519;
  return x->new_key(x->context);
}

static void *start(void *kdfs, int selection, const OSSL_PARAM parameters[]) {
  X25519 *x = &((copenssl_kdfs *)kdfs)->x25519;
  Generation *generation = OPENSSL_malloc(sizeof *generation);
  if (generation == NULL) return NULL;
  *generation = (Generation){kdfs, x->start(x->context, selection, parameters), selection};
  if (generation->original != NULL) return generation;
  OPENSSL_free(generation);
  return NULL;
}

static void stop(void *memory) {
  Generation *generation = memory;
  if (generation == NULL) return;
  generation->kdfs->x25519.stop(generation->original);
  OPENSSL_free(generation);
}

static int set(void *memory, const OSSL_PARAM parameters[]) {
  Generation *generation = memory;
  return generation->kdfs->x25519.set(generation->original, parameters);
}

static const OSSL_PARAM *settable(void *memory, void *kdfs) {
  (void)memory;
  X25519 *x = &((copenssl_kdfs *)kdfs)->x25519;
  return x->settable(NULL, x->context);
}

/* A key of the default provider's; without a private half when that is NULL. NULL when memory is short. */
static void *import(X25519 *x, unsigned char *private, unsigned char *public) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, KEY_COUNT),
      OSSL_PARAM_construct_end(),
      OSSL_PARAM_construct_end(),
  };
  if (private != NULL)
    parameters[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private, KEY_COUNT);
  int selection = private != NULL ? OSSL_KEYMGMT_SELECT_KEYPAIR : OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
  void *key = x->new_key(x->context);
  if (key == NULL || x->import(key, selection, parameters)) return key;
  x->free_key(key);
  return NULL;
}

/* A key times a point (RFC 7748 section 5). Fails where that is all zeros, of which no secret may be made. */
static int multiply(X25519 *x, void *key, void *point, unsigned char *result) {
  void *exchange = x->new_exchange(x->context);
  size_t count = KEY_COUNT;
  int is_good = exchange != NULL && x->start_exchange(exchange, key, NULL) && x->set_peer(exchange, point)
      && x->derive(exchange, result, &count, KEY_COUNT) && count == KEY_COUNT;
  if (exchange != NULL) x->free_exchange(exchange);
  return is_good;
}

/* RFC 7748 section 5. */
static void clamp(unsigned char *private) {
  private[0] &= 248;
  private[31] = (unsigned char)((private[31] & 127) | 64);
}

/* A private half without its public one. */
static void *import_private(X25519 *x, unsigned char *private) {
  unsigned char unknown[KEY_COUNT] = {0};
  return import(x, private, unknown);
}

/* The public half of a private one. */
static int multiply_base(X25519 *x, unsigned char *private, unsigned char *public) {
  void *key = import_private(x, private);
  int is_good = key != NULL && multiply(x, key, x->base, public);
  if (key != NULL) x->free_key(key);
  return is_good;
}

size_t copenssl_share_x25519(
    copenssl_kdfs *kdfs, const unsigned char *private, const unsigned char *peer, size_t peer_count,
    unsigned char *share, unsigned char *shared) {
  X25519 *x = &kdfs->x25519;
  if (x->base == NULL || peer_count != KEY_COUNT) return 0;
  unsigned char ours[KEY_COUNT], theirs[KEY_COUNT];
  static const unsigned char zeros[KEY_COUNT];
  memcpy(ours, private, KEY_COUNT);
  memcpy(theirs, peer, KEY_COUNT);
  clamp(ours);
  void *key = import_private(x, ours), *point = import(x, NULL, theirs);
  OPENSSL_cleanse(ours, sizeof ours);
  int is_good = key != NULL && point != NULL && multiply(x, key, point, shared)
      && CRYPTO_memcmp(shared, zeros, KEY_COUNT) != 0 && multiply(x, key, x->base, share);
  if (key != NULL) x->free_key(key);
  if (point != NULL) x->free_key(point);
  return is_good ? KEY_COUNT : 0;
}

static void *generate(void *memory, OSSL_CALLBACK *report, void *argument) {
  Generation *generation = memory;
  X25519 *x = &generation->kdfs->x25519;
  if ((generation->selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
    return x->generate(generation->original, report, argument);
  unsigned char private[KEY_COUNT], public[KEY_COUNT];
  void *key = NULL;
  if (RAND_priv_bytes_ex(generation->kdfs->context, private, KEY_COUNT, 0) > 0) {
    clamp(private);
    if (multiply_base(x, private, public)) key = import(x, private, public);
  }
  OPENSSL_cleanse(private, sizeof private);
  return key;
}

static void *new_exchange(void *kdfs) {
  X25519 *x = &((copenssl_kdfs *)kdfs)->x25519;
  return x->new_exchange(x->context);
}

/* What our tables have in the place of the default provider's: all that is handed a provider's context, and
   all of a generation. */
static const OSSL_DISPATCH own_management[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))new_key},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))start},
    {OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, (void (*)(void))set},
    {OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, (void (*)(void))settable},
    {OSSL_FUNC_KEYMGMT_GEN, (void (*)(void))generate},
    {OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (void (*)(void))stop},
    {0, NULL},
};
static const OSSL_DISPATCH own_exchange[] = {
    {OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))new_exchange},
    {0, NULL},
};

/* Returns 0 when the table is longer than we have room for. */
static int replace(const OSSL_DISPATCH *original, const OSSL_DISPATCH *own, OSSL_DISPATCH made[TABLE_LIMIT]) {
  size_t count = 0;
  for (; original->function_id != 0; original++) {
    if (count == TABLE_LIMIT - 1) return 0;
    void (*ours)(void) = find(own, original->function_id);
    made[count++] = (OSSL_DISPATCH){original->function_id, ours != NULL ? ours : original->function};
  }
  made[count] = (OSSL_DISPATCH){0, NULL};
  return 1;
}

static int take_functions(X25519 *x, const OSSL_DISPATCH *management, const OSSL_DISPATCH *exchange) {
  x->new_key = (OSSL_FUNC_keymgmt_new_fn *)find(management, OSSL_FUNC_KEYMGMT_NEW);
  x->free_key = (OSSL_FUNC_keymgmt_free_fn *)find(management, OSSL_FUNC_KEYMGMT_FREE);
  x->import = (OSSL_FUNC_keymgmt_import_fn *)find(management, OSSL_FUNC_KEYMGMT_IMPORT);
  x->start = (OSSL_FUNC_keymgmt_gen_init_fn *)find(management, OSSL_FUNC_KEYMGMT_GEN_INIT);
  x->set = (OSSL_FUNC_keymgmt_gen_set_params_fn *)find(management, OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS);
  x->settable =
      (OSSL_FUNC_keymgmt_gen_settable_params_fn *)find(management, OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS);
  x->generate = (OSSL_FUNC_keymgmt_gen_fn *)find(management, OSSL_FUNC_KEYMGMT_GEN);
  x->stop = (OSSL_FUNC_keymgmt_gen_cleanup_fn *)find(management, OSSL_FUNC_KEYMGMT_GEN_CLEANUP);
  x->new_exchange = (OSSL_FUNC_keyexch_newctx_fn *)find(exchange, OSSL_FUNC_KEYEXCH_NEWCTX);
  x->free_exchange = (OSSL_FUNC_keyexch_freectx_fn *)find(exchange, OSSL_FUNC_KEYEXCH_FREECTX);
  x->start_exchange = (OSSL_FUNC_keyexch_init_fn *)find(exchange, OSSL_FUNC_KEYEXCH_INIT);
  x->set_peer = (OSSL_FUNC_keyexch_set_peer_fn *)find(exchange, OSSL_FUNC_KEYEXCH_SET_PEER);
  x->derive = (OSSL_FUNC_keyexch_derive_fn *)find(exchange, OSSL_FUNC_KEYEXCH_DERIVE);
  /* A template would have to reach the original; the default provider has none for X25519. */
  return x->new_key && x->free_key && x->import && x->start && x->set && x->settable && x->generate && x->stop
      && x->new_exchange && x->free_exchange && x->start_exchange && x->set_peer && x->derive
      && find(management, OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE) == NULL;
}

/* True exactly when OpenSSL has the assembly that makes this worth it to libssl. */
static int pays(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("adx") && __builtin_cpu_supports("bmi2");
#else
  return 0;
#endif
}

void copenssl_start_x25519(copenssl_kdfs *kdfs, OSSL_PROVIDER *original) {
  const OSSL_ALGORITHM *management = find_algorithm(original, OSSL_OP_KEYMGMT);
  const OSSL_ALGORITHM *exchange = find_algorithm(original, OSSL_OP_KEYEXCH);
  X25519 *x = &kdfs->x25519;
  if (management == NULL || exchange == NULL
      || !take_functions(x, management->implementation, exchange->implementation)
      || !replace(management->implementation, own_management, x->management_table)
      || !replace(exchange->implementation, own_exchange, x->exchange_table))
    return;
  unsigned char base[KEY_COUNT] = {9};
  x->context = OSSL_PROVIDER_get0_provider_ctx(original);
  x->base = import(x, NULL, base);
  if (x->base == NULL || !pays()) return;
  kdfs->management[1] =
      (OSSL_ALGORITHM){management->algorithm_names, COPENSSL_PROPERTY, x->management_table, "X25519"};
  kdfs->exchange[1] =
      (OSSL_ALGORITHM){exchange->algorithm_names, COPENSSL_PROPERTY, x->exchange_table, "X25519"};
}

void copenssl_stop_x25519(copenssl_kdfs *kdfs) {
  if (kdfs->x25519.base != NULL) kdfs->x25519.free_key(kdfs->x25519.base);
  kdfs->x25519.base = NULL;
}
