import Basics
import COpenSSL
import Testing

@testable import TLS

/// Our keys of P-256 against the default provider's, which is the reference.
@Suite struct P256Tests {
  let library: TLSLibrary

  init() throws { library = try TLSLibrary() }

  @Test func theSharedSecretIsTheDefaultProvidersToo() throws {
    var seen = Set<[UInt8]>()
    for _ in 0..<200 {
      let (ours, theirs) = (try fresh(), try reference())
      let here = try derive(ours, with: peer(theirs.point), library)
      let there = try derive(theirs, with: peer(ours.point, like: theirs), nil)
      #expect(here != nil && here == there)
      #expect(seen.insert(ours.point).inserted)
    }
  }

  /// One of 256 begins with a zero.
  @Test func aSecretIsPaddedToItsLength() throws {
    let theirs = try reference()
    for _ in 0..<6000 {
      let ours = try fresh()
      let secret = try #require(derive(ours, with: try peer(theirs.point), library))
      guard secret[0] == 0 else { continue }
      let there = try derive(theirs, with: peer(ours.point, like: theirs), nil)
      #expect(secret == there)
      return
    }
    Issue.record("no secret with a zero at its start")
  }

  @Test func pointsThatAreKnownToBeOnTheCurveAreTaken() throws {
    for share in [KeyShare.initiator, KeyShare.responder, KeyShare.withZero] {
      let theirs = try peer(share)
      #expect(theirs.point == share)
      let secret = try derive(fresh(), with: theirs, library)
      #expect(secret != nil)
    }
  }

  @Test func whatIsNoPointOfTheCurveIsRefused() throws {
    let parameters = try make(EVP_PKEY_paramgen_init)
    for (key, bad) in [
      (parameters, KeyShare.bad + KeyShare.compressed), (try copy(parameters), KeyShare.bad),
    ] {
      for bytes in bad { #expect(!key.set(bytes), "\(bytes)") }
      #expect(key.point.isEmpty)
      #expect(key.set(KeyShare.responder))
      // A refusal leaves what was there.
      for bytes in bad { #expect(!key.set(bytes), "\(bytes)") }
      #expect(key.point == KeyShare.responder)
      #expect(key.set(KeyShare.initiator))
      #expect(key.point == KeyShare.initiator)
    }
  }

  /// libssl copies a key's parameters for a share of TLS 1.2.
  @Test func aCopyTakesCompressedPointsAsTheDefaultProviderDoes() throws {
    let ours = try fresh()
    for _ in 0..<50 {
      let theirs = try reference()
      let key = try copy(ours)
      #expect(key.point.isEmpty)
      try #require(key.set([2 + theirs.point[64] % 2] + theirs.point[1...32]))
      #expect(key.point == theirs.point)
      let there = try derive(theirs, with: peer(ours.point, like: theirs), nil)
      #expect(derive(ours, with: key, library) == there && there != nil)
    }
    for bytes in KeyShare.compressed { #expect(try copy(ours).set(bytes)) }
  }

  @Test func bytesAreTakenExactlyWhenTheDefaultProviderTakesThem() throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let (ours, theirs) = (try make(EVP_PKEY_paramgen_init), try reference())
    for round in 0..<2000 {
      // Points, points with a bit changed, and noise.
      var bytes = try round % 4 == 1 ? reference().point : KeyShare.initiator
      if round % 4 == 2 { bytes[Int.random(in: 1...64, using: &generator)] ^= 1 << (round / 4 % 8) }
      if round % 4 == 3 { bytes = [4] + (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) } }
      let isTaken = ours.set(bytes)
      #expect(isTaken == theirs.set(bytes), "seed \(seed), round \(round)")
      #expect(isTaken == (round % 4 < 2), "seed \(seed), round \(round)")
    }
  }

  @Test func aKeyDoesWhatItsHalvesAllow() throws {
    let (pair, empty, theirs) = (try fresh(), try make(EVP_PKEY_paramgen_init), try peer(KeyShare.initiator))
    #expect(EVP_PKEY_get_bits(pair.pointer) == 256 && EVP_PKEY_get_security_bits(pair.pointer) == 128)
    #expect(EVP_PKEY_get_size(pair.pointer) == 65)
    #expect(derive(pair, with: theirs, library) != nil)
    #expect(derive(pair, with: empty, library) == nil)
    #expect(derive(empty, with: theirs, library) == nil)
    #expect(derive(theirs, with: pair, library) == nil)
    // Its scalar would no longer belong to its point.
    #expect(!pair.set(KeyShare.initiator))
    #expect(EVP_PKEY_eq(pair.pointer, pair.pointer) == 1 && EVP_PKEY_eq(pair.pointer, theirs.pointer) != 1)
    ERR_clear_error()
  }

  @Test func otherGroupsAreRefused() {
    for (group, isOurs) in [("prime256v1", true), ("P-384", false), ("", false), ("prime256v1x", false)] {
      let context = EVP_PKEY_CTX_new_from_name(library.context, COPENSSL_P256, nil)
      defer { EVP_PKEY_CTX_free(context) }
      #expect(EVP_PKEY_keygen_init(context) == 1)
      #expect((EVP_PKEY_CTX_set_group_name(context, group) == 1) == isOurs)
    }
    ERR_clear_error()
  }

  private func fresh() throws -> Key { try make(EVP_PKEY_keygen_init) }

  /// A pair of the default provider's.
  private func reference() throws -> Key { Key(try #require(shim_EVP_EC_gen("P-256"))) }

  /// A key of ours.
  private func make(_ start: (OpaquePointer?) -> Int32) throws -> Key {
    let context = EVP_PKEY_CTX_new_from_name(library.context, COPENSSL_P256, nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    try #require(start(context) == 1 && EVP_PKEY_generate(context, &key) == 1)
    return Key(try #require(key))
  }

  /// A public key of ours, or of the default provider's.
  private func peer(_ point: [UInt8], like other: Key? = nil) throws -> Key {
    let key = try other.map(copy) ?? make(EVP_PKEY_paramgen_init)
    try #require(key.set(point))
    return key
  }

  /// Without the other's point.
  private func copy(_ other: Key) throws -> Key {
    let key = Key(try #require(EVP_PKEY_new()))
    try #require(EVP_PKEY_copy_parameters(key.pointer, other.pointer) == 1)
    return key
  }

  private func derive(_ key: Key, with peer: Key, _ library: TLSLibrary?) -> [UInt8]? {
    let context = EVP_PKEY_CTX_new_from_pkey(library?.context, key.pointer, nil)
    defer { EVP_PKEY_CTX_free(context) }
    defer { ERR_clear_error() }
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = 32
    let isGood =
      EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer.pointer) == 1
      && EVP_PKEY_derive(context, &bytes, &count) == 1
    return isGood && count == 32 ? bytes : nil
  }
}

private final class Key {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }
  deinit { EVP_PKEY_free(pointer) }

  /// As it goes over the wire; empty when there is none.
  var point: [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = EVP_PKEY_get1_encoded_public_key(pointer, &bytes)
    defer { CRYPTO_free(bytes, #file, #line) }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }

  func set(_ point: [UInt8]) -> Bool {
    defer { ERR_clear_error() }
    return EVP_PKEY_set1_encoded_public_key(pointer, point, point.count) == 1
  }
}
