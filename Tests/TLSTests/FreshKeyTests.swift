import COpenSSL
import Testing

@testable import TLS

/// The keys that a worker's library makes for X25519, whoever computes their public half.
@Suite struct FreshKeyTests {
  let library: TLSLibrary

  init() throws { library = try TLSLibrary() }

  @Test func thePublicHalfBelongsToThePrivateOne() throws {
    var seen = Set<[UInt8]>()
    for _ in 0..<64 {
      let key = try #require(makeKey())
      defer { EVP_PKEY_free(key) }
      let secret = try #require(raw(key, EVP_PKEY_get_raw_private_key))
      #expect(secret[0] & 7 == 0 && secret[31] & 0x80 == 0 && secret[31] & 0x40 != 0)
      // OpenSSL's own context computes it in its own way.
      let reference = EVP_PKEY_new_raw_private_key_ex(nil, "X25519", nil, secret, 32)
      defer { EVP_PKEY_free(reference) }
      #expect(raw(key, EVP_PKEY_get_raw_public_key) == raw(reference, EVP_PKEY_get_raw_public_key))
      #expect(seen.insert(secret).inserted)
    }
  }

  @Test func theSharedSecretIsThePeersToo() throws {
    let ours = try #require(makeKey())
    let theirs = try #require(makeKey())
    defer { [ours, theirs].forEach { EVP_PKEY_free($0) } }
    let shared = derive(ours, with: theirs)
    #expect(shared != nil && shared == derive(theirs, with: ours))
  }

  @Test func aPeerOfSmallOrderIsRefused() throws {
    let ours = try #require(makeKey())
    let zero = EVP_PKEY_new_raw_public_key_ex(
      library.context, "X25519", nil, [UInt8](repeating: 0, count: 32), 32)
    defer { [ours, zero].forEach { EVP_PKEY_free($0) } }
    #expect(derive(ours, with: zero) == nil)
  }

  private func makeKey() -> OpaquePointer? {
    let context = EVP_PKEY_CTX_new_from_name(library.context, "X25519", nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    return EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_generate(context, &key) == 1 ? key : nil
  }

  private func raw(
    _ key: OpaquePointer?,
    _ get: (OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>?) -> Int32
  ) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = 32
    return get(key, &bytes, &count) == 1 && count == 32 ? bytes : nil
  }

  private func derive(_ key: OpaquePointer, with peer: OpaquePointer?) -> [UInt8]? {
    let context = EVP_PKEY_CTX_new_from_pkey(library.context, key, nil)
    defer { EVP_PKEY_CTX_free(context) }
    defer { ERR_clear_error() }
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = 32
    let isGood =
      EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1
      && EVP_PKEY_derive(context, &bytes, &count) == 1
    return isGood ? bytes : nil
  }
}
