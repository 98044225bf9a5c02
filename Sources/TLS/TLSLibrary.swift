internal import COpenSSL

/// A worker's OpenSSL: a library context of its own, so that workers don't contend for OpenSSL's locks, and
/// the one BIO of all its connections.
///
/// Belongs to one thread at a time. Contexts and sessions keep it alive.
public final class TLSLibrary {
  let context: OpaquePointer
  private let provider: OpaquePointer
  let exchange: UnsafeMutablePointer<Exchange>
  let bio: OpaquePointer
  /// What tickets are encrypted with: fetched once, as a fetch takes locks.
  let ticketCipher: OpaquePointer

  public init() throws(TLSError) {
    guard let context = OSSL_LIB_CTX_new() else { throw .library("make a library context") }
    guard let provider = OSSL_PROVIDER_load(context, "default") else {
      OSSL_LIB_CTX_free(context)
      throw .library("load its default provider")
    }
    guard let cipher = EVP_CIPHER_fetch(context, "AES-256-CBC", nil) else {
      OSSL_PROVIDER_unload(provider)
      OSSL_LIB_CTX_free(context)
      throw .library("find AES-256-CBC")
    }
    guard let method = exchangeMethod, let bio = BIO_new_ex(context, method) else {
      EVP_CIPHER_free(cipher)
      OSSL_PROVIDER_unload(provider)
      OSSL_LIB_CTX_free(context)
      throw .library("make a BIO")
    }
    exchange = .allocate(capacity: 1)
    exchange.initialize(to: Exchange())
    BIO_set_data(bio, exchange)
    self.context = context
    self.provider = provider
    self.bio = bio
    ticketCipher = cipher
  }

  deinit {
    BIO_free(bio)
    exchange.deallocate()
    EVP_CIPHER_free(ticketCipher)
    OSSL_PROVIDER_unload(provider)
    OSSL_LIB_CTX_free(context)
  }

  /// Random bytes fit for secrets.
  func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    RAND_bytes_ex(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, 0) == 1
  }
}
