/* Key exchanges of TLS 1.3 (RFC 8446 sections 4.2.8, 7.4), all of the server's part in one call: a fresh key, its
   share for the client, the secret that both then know. The same arithmetic as libssl gets from the provider. */
#pragma once
#include "COpenSSLKDFs.h"

/* Bytes of the longest share, of a private key, of a shared secret. */
enum { COPENSSL_SHARE_LIMIT = 65, COPENSSL_PRIVATE_COUNT = 32, COPENSSL_SHARED_COUNT = 32 };

/* From `COPENSSL_PRIVATE_COUNT` random bytes that nothing else is made of, and the client's share. `share` and
   `shared` are the caller's to fill in, and to wipe. Returns the share's length: 65 for P-256, 32 for X25519. 0
   when the client's share isn't fit, when OpenSSL fails, or (once in 2^32 times) the bytes are no key of P-256. */
size_t copenssl_share_p256(
    copenssl_kdfs *kdfs, const unsigned char *private, const unsigned char *peer, size_t peer_count,
    unsigned char *share, unsigned char *shared);
size_t copenssl_share_x25519(
    copenssl_kdfs *kdfs, const unsigned char *private, const unsigned char *peer, size_t peer_count,
    unsigned char *share, unsigned char *shared);
