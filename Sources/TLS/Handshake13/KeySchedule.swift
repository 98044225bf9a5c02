internal import COpenSSL

/// The steps of TLS 1.3's key schedule (RFC 8446 section 7.1), with the hash of a suite. Secrets are as long as the
/// hash, and lie in memory that the caller wipes.
struct KeySchedule {
  /// Bytes of the hash: 32 or 48.
  let hashCount: Int

  /// HKDF-Extract (RFC 5869 section 2.2): the next secret of the schedule.
  /// - Parameters:
  ///   - key: what it brings in; nil is zeros.
  ///   - salt: `hashCount` bytes; nil is zeros. It may be the result's place.
  func extract(
    _ key: UnsafeRawBufferPointer?, _ salt: UnsafeRawPointer?, into result: UnsafeMutableRawPointer
  ) {
    Constants.zeros.withUnsafeBytes { zeros in
      let key = key ?? UnsafeRawBufferPointer(rebasing: zeros[..<hashCount])
      with(salt ?? zeros.baseAddress!) { copenssl_keyed_hash($0, key.baseAddress, key.count, result) }
    }
  }

  /// Gives `body` a secret taken in by HMAC, for several expansions, and wipes it.
  func with(_ secret: UnsafeRawPointer, _ body: (UnsafePointer<copenssl_keyed>) -> Void) {
    withUnsafeTemporaryAllocation(of: copenssl_keyed.self, capacity: 1) { memory in
      let keyed = memory.baseAddress!
      copenssl_keyed_start(keyed, hashCount, secret, hashCount)
      body(keyed)
      copenssl_keyed_wipe(keyed)
    }
  }

  /// HKDF-Expand-Label over a hash of `hashCount` bytes: Derive-Secret.
  func derive(
    _ secret: UnsafePointer<copenssl_keyed>, _ label: StaticString, _ hash: UnsafeRawPointer,
    into result: UnsafeMutableRawPointer
  ) {
    copenssl_expand(secret, label.utf8Start, label.utf8CodeUnitCount, hash, hashCount, result, hashCount)
  }

  /// HKDF-Expand-Label over nothing.
  func expand(
    _ secret: UnsafePointer<copenssl_keyed>, _ label: StaticString, into result: UnsafeMutableRawPointer,
    _ count: Int
  ) {
    copenssl_expand(secret, label.utf8Start, label.utf8CodeUnitCount, nil, 0, result, count)
  }

  /// What a Finished says, or a binder (section 4.4.4): HMAC of a transcript's hash under a key of its own.
  func finish(
    _ secret: UnsafePointer<copenssl_keyed>, _ hash: UnsafeRawPointer, into result: UnsafeMutableRawPointer
  ) {
    expand(secret, "finished", into: result, hashCount)
    with(result) { copenssl_keyed_hash($0, hash, hashCount, result) }
  }

  /// Derive-Secret over an empty transcript.
  func deriveOfNothing(
    _ secret: UnsafePointer<copenssl_keyed>, _ label: StaticString, into result: UnsafeMutableRawPointer
  ) {
    emptyHash.withUnsafeBytes { derive(secret, label, $0.baseAddress!, into: result) }
  }

  private var emptyHash: [UInt8] { hashCount == 32 ? Constants.emptySmall : Constants.emptyLarge }

  /// What the handshake secret is salted with where there is no pre-shared key: the same for everybody.
  var standardSalt: [UInt8] { hashCount == 32 ? Constants.saltSmall : Constants.saltLarge }
}

private enum Constants {
  static let zeros = [UInt8](repeating: 0, count: 48)
  static let emptySmall = hashOfNothing(32)
  static let emptyLarge = hashOfNothing(48)
  static let saltSmall = standardSalt(32)
  static let saltLarge = standardSalt(48)

  private static func make(_ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { room, filled in
      fill(room.baseAddress!)
      filled = count
    }
  }

  private static func hashOfNothing(_ count: Int) -> [UInt8] {
    var hash = copenssl_hash()
    copenssl_hash_start(&hash, count)
    return make(count) { copenssl_hash_peek(&hash, $0) }
  }

  private static func standardSalt(_ count: Int) -> [UInt8] {
    let schedule = KeySchedule(hashCount: count)
    return make(count) { room in
      schedule.extract(nil, nil, into: room)
      schedule.with(room) { schedule.deriveOfNothing($0, "derived", into: room) }
    }
  }
}
