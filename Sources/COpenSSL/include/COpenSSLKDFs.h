/* The key derivations of TLS 1.2 and 1.3 (RFC 5246 section 5, RFC 8446 section 7.1), and its key exchanges with
   P-256 and X25519, for one library context: a provider of OpenSSL, made with its public interface, that libssl
   prefers to the default provider's.

   The default provider's TLS13-KDF and TLS1-PRF fetch their hash by name and make several contexts for each of
   a handshake's derivations. These keep one hash context. And they hand out the two application traffic
   secrets, for which the key log callback would format a thousand hexadecimal digits. */
#pragma once
#include <features.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

/* The application traffic secrets of one connection (RFC 8446 section 7.1). */
typedef struct {
  unsigned char client[48];
  unsigned char server[48];
  /* Lengths; 0 until derived. */
  unsigned char client_count;
  unsigned char server_count;
} copenssl_secrets;

typedef struct copenssl_kdfs copenssl_kdfs;

/* The name of P-256 where it is the provider's own: for TLS's groups alone. As EC, the curve is the default
   provider's, so that certificates and signatures are. */
#define COPENSSL_P256 "TIDEGATE-P256"

/* Loads it into a context, and the default provider, to which it leaves all else. The context must have no
   provider yet. Used by one thread at a time, like the context. Returns NULL when memory is short. */
copenssl_kdfs *copenssl_add_kdfs(OSSL_LIB_CTX *context);

/* Before the context is freed. NULL is allowed. */
void copenssl_remove_kdfs(copenssl_kdfs *kdfs);

/* Where the traffic secrets of the handshake go that is about to run; NULL for nowhere. */
void copenssl_set_secrets(copenssl_kdfs *kdfs, copenssl_secrets *secrets);
