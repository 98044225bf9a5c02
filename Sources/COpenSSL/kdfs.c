/* The provider: see COpenSSLKDFs.h. */
#include "COpenSSLKDFs.h"

#include "kdfs.h"

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <string.h>

static const char provider_name[] = "tidegate";

static const OSSL_ALGORITHM algorithms[] = {
    {"TLS13-KDF", "provider=tidegate", copenssl_tls13_kdf, "TLS 1.3's HKDF"},
    {"TLS1-PRF", "provider=tidegate", copenssl_tls12_prf, "TLS 1.2's PRF"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *memory, int operation, int *no_store) {
  copenssl_kdfs *kdfs = memory;
  *no_store = 0;
  if (operation == OSSL_OP_KDF) return algorithms;
  if (kdfs->x25519.base == NULL) return NULL;
  if (operation == OSSL_OP_KEYMGMT) return kdfs->x25519.management;
  return operation == OSSL_OP_KEYEXCH ? kdfs->x25519.exchange : NULL;
}

/* libssl takes a group only from a provider that has both its description and its keys. */
static int describe(void *memory, const char *capability, OSSL_CALLBACK *report, void *argument) {
  copenssl_kdfs *kdfs = memory;
  if (kdfs->x25519.base == NULL) return 1;
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

copenssl_kdfs *copenssl_add_kdfs(OSSL_LIB_CTX *context, OSSL_PROVIDER *original) {
  if (!OSSL_PROVIDER_add_builtin(context, provider_name, start)) return NULL;
  OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, provider_name);
  if (provider == NULL) return NULL;
  copenssl_kdfs *kdfs = OSSL_PROVIDER_get0_provider_ctx(provider);
  kdfs->context = context;
  kdfs->provider = provider;
  kdfs->original = original;
  /* Before the first key is asked for: what a provider answers is remembered. */
  copenssl_start_x25519(kdfs, original);
  kdfs->sha256 = EVP_MD_fetch(context, "SHA2-256", NULL);
  kdfs->sha384 = EVP_MD_fetch(context, "SHA2-384", NULL);
  kdfs->hashing = EVP_MD_CTX_new();
  /* A preference, not a condition: everything else comes from the default provider. */
  if (kdfs->sha256 == NULL || kdfs->sha384 == NULL || kdfs->hashing == NULL
      || !EVP_set_default_properties(context, "?provider=tidegate")) {
    copenssl_remove_kdfs(kdfs);
    return NULL;
  }
  return kdfs;
}

void copenssl_remove_kdfs(copenssl_kdfs *kdfs) {
  if (kdfs == NULL) return;
  copenssl_stop_x25519(kdfs);
  EVP_MD_free(kdfs->sha256);
  EVP_MD_free(kdfs->sha384);
  EVP_MD_CTX_free(kdfs->hashing);
  kdfs->sha256 = kdfs->sha384 = NULL;
  kdfs->hashing = NULL;
  OSSL_PROVIDER_unload(kdfs->provider);
}

void copenssl_set_secrets(copenssl_kdfs *kdfs, copenssl_secrets *secrets) { kdfs->secrets = secrets; }
