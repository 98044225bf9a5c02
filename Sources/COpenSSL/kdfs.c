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

static const OSSL_ALGORITHM *query(void *kdfs, int operation, int *no_store) {
  (void)kdfs;
  *no_store = 0;
  return operation == OSSL_OP_KDF ? algorithms : NULL;
}

static void teardown(void *kdfs) { OPENSSL_free(kdfs); }

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
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

copenssl_kdfs *copenssl_add_kdfs(OSSL_LIB_CTX *context) {
  if (!OSSL_PROVIDER_add_builtin(context, provider_name, start)) return NULL;
  OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, provider_name);
  if (provider == NULL) return NULL;
  copenssl_kdfs *kdfs = OSSL_PROVIDER_get0_provider_ctx(provider);
  kdfs->provider = provider;
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
  EVP_MD_free(kdfs->sha256);
  EVP_MD_free(kdfs->sha384);
  EVP_MD_CTX_free(kdfs->hashing);
  kdfs->sha256 = kdfs->sha384 = NULL;
  kdfs->hashing = NULL;
  OSSL_PROVIDER_unload(kdfs->provider);
}

void copenssl_set_secrets(copenssl_kdfs *kdfs, copenssl_secrets *secrets) { kdfs->secrets = secrets; }
