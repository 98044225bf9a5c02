/* HMAC with hashes and a context that are there already: see kdfs.h. */
#include "kdfs.h"

#include <string.h>

const EVP_MD *copenssl_find_digest(const copenssl_kdfs *kdfs, const char *name) {
  if (OPENSSL_strcasecmp(name, "SHA2-256") == 0 || OPENSSL_strcasecmp(name, "SHA256") == 0) return kdfs->sha256;
  if (OPENSSL_strcasecmp(name, "SHA2-384") == 0 || OPENSSL_strcasecmp(name, "SHA384") == 0) return kdfs->sha384;
  return NULL;
}

int copenssl_key(copenssl_kdfs *kdfs, Keyed *keyed, const EVP_MD *digest, Bytes key) {
  keyed->digest = digest;
  keyed->hash_count = (size_t)EVP_MD_get_size(digest);
  keyed->block_count = (size_t)EVP_MD_get_block_size(digest);
  unsigned char hash[HASH_LIMIT];
  if (key.count > keyed->block_count) {
    if (!EVP_DigestInit_ex2(kdfs->hashing, digest, NULL)
        || !EVP_DigestUpdate(kdfs->hashing, key.bytes, key.count)
        || !EVP_DigestFinal_ex(kdfs->hashing, hash, NULL))
      return 0;
    key = (Bytes){hash, keyed->hash_count};
  }
  memset(keyed->inner, 0x36, keyed->block_count);
  memset(keyed->outer, 0x5c, keyed->block_count);
  for (size_t i = 0; i < key.count; i++) {
    keyed->inner[i] ^= key.bytes[i];
    keyed->outer[i] ^= key.bytes[i];
  }
  if (key.bytes == hash) OPENSSL_cleanse(hash, sizeof hash);
  return 1;
}

int copenssl_authenticate(
    copenssl_kdfs *kdfs, const Keyed *keyed, const Bytes *parts, size_t count, unsigned char *hash) {
  EVP_MD_CTX *hashing = kdfs->hashing;
  if (!EVP_DigestInit_ex2(hashing, keyed->digest, NULL)
      || !EVP_DigestUpdate(hashing, keyed->inner, keyed->block_count))
    return 0;
  for (size_t i = 0; i < count; i++)
    if (!EVP_DigestUpdate(hashing, parts[i].bytes, parts[i].count)) return 0;
  return EVP_DigestFinal_ex(hashing, hash, NULL) && EVP_DigestInit_ex2(hashing, keyed->digest, NULL)
      && EVP_DigestUpdate(hashing, keyed->outer, keyed->block_count)
      && EVP_DigestUpdate(hashing, hash, keyed->hash_count) && EVP_DigestFinal_ex(hashing, hash, NULL);
}

void copenssl_wipe(Keyed *keyed) {
  OPENSSL_cleanse(keyed->inner, keyed->block_count);
  OPENSSL_cleanse(keyed->outer, keyed->block_count);
}
