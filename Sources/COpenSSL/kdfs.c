/* The provider: see COpenSSLKDFs.h. */
#include "COpenSSLKDFs.h"

#include "kdfs.h"

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <strings.h>

/* libssl takes the first group of an id that it hears of, and asks the providers as OpenSSL keeps them: in the
   order of loading until it looks for one, sorted by their names' bytes from then on. A capital letter comes
   before "default" in that. */
static const char provider_name[] = "Tidegate";

static const OSSL_ALGORITHM derivations[] = {
    {"TLS13-KDF", COPENSSL_PROPERTY, copenssl_tls13_kdf, "TLS 1.3's HKDF"},
    {"TLS1-PRF", COPENSSL_PROPERTY, copenssl_tls12_prf, "TLS 1.2's PRF"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *memory, int operation, int *no_store) {
  copenssl_kdfs *kdfs = memory;
  *no_store = 0;
  if (operation == OSSL_OP_KDF) return derivations;
  if (operation == OSSL_OP_KEYMGMT) return kdfs->management;
  return operation == OSSL_OP_KEYEXCH ? kdfs->exchange : NULL;
}

/* libssl takes a group only from a provider that has both its description and its keys: of the default one's,
   X25519 alone. */
static int describe(void *memory, const char *capability, OSSL_CALLBACK *report, void *argument) {
  copenssl_kdfs *kdfs = memory;
  if (strcasecmp(capability, "TLS-GROUP") != 0) return 1;
  if (!copenssl_p256_describe(report, argument)) return 0;
  if (kdfs->management[1].algorithm_names == NULL) return 1;
  return OSSL_PROVIDER_get_capabilities(kdfs->original, capability, report, argument);
}

static void teardown(void *kdfs) { OPENSSL_free(kdfs); }

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))describe},
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {0, NULL},
};

static int start(
    const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *offered, const OSSL_DISPATCH **functions, void **kdfs) {
  (void)core, (void)offered;
  *functions = provider_functions;
  *kdfs = OPENSSL_zalloc(sizeof(copenssl_kdfs));
  return *kdfs != NULL;
}

/* Returns 0 when something is missing. */
static int fill(copenssl_kdfs *kdfs) {
  kdfs->original = OSSL_PROVIDER_load(kdfs->context, "default");
  if (kdfs->original == NULL || !copenssl_start_p256(kdfs)) return 0;
  kdfs->management[0] =
      (OSSL_ALGORITHM){COPENSSL_P256, COPENSSL_PROPERTY, copenssl_p256_management, "P-256"};
  kdfs->exchange[0] = (OSSL_ALGORITHM){COPENSSL_P256, COPENSSL_PROPERTY, copenssl_p256_exchange, "P-256"};
  /* Before the first key is asked for: what a provider answers is remembered. */
  copenssl_start_x25519(kdfs, kdfs->original);
  kdfs->sha256 = EVP_MD_fetch(kdfs->context, "SHA2-256", NULL);
  kdfs->sha384 = EVP_MD_fetch(kdfs->context, "SHA2-384", NULL);
  kdfs->hashing = EVP_MD_CTX_new();
  /* A preference, not a condition: everything else comes from the default provider. */
  return kdfs->sha256 != NULL && kdfs->sha384 != NULL && kdfs->hashing != NULL
      && EVP_set_default_properties(kdfs->context, "?" COPENSSL_PROPERTY);
}

copenssl_kdfs *copenssl_add_kdfs(OSSL_LIB_CTX *context) {
  if (!OSSL_PROVIDER_add_builtin(context, provider_name, start)) return NULL;
  OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, provider_name);
  if (provider == NULL) return NULL;
  copenssl_kdfs *kdfs = OSSL_PROVIDER_get0_provider_ctx(provider);
  kdfs->context = context;
  kdfs->provider = provider;
  if (fill(kdfs)) return kdfs;
  copenssl_remove_kdfs(kdfs);
  return NULL;
}

void copenssl_remove_kdfs(copenssl_kdfs *kdfs) {
  if (kdfs == NULL) return;
  copenssl_stop_x25519(kdfs);
  copenssl_stop_p256(kdfs);
  EVP_MD_free(kdfs->sha256);
  EVP_MD_free(kdfs->sha384);
  EVP_MD_CTX_free(kdfs->hashing);
  kdfs->sha256 = kdfs->sha384 = NULL;
  kdfs->hashing = NULL;
  if (kdfs->original != NULL) OSSL_PROVIDER_unload(kdfs->original);
  /* The last one: it may free what we are looking at. */
  OSSL_PROVIDER_unload(kdfs->provider);
}

void copenssl_set_secrets(copenssl_kdfs *kdfs, copenssl_secrets *secrets) { kdfs->secrets = secrets; }
