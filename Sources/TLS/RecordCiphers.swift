internal import COpenSSL

/// A worker's AEADs and hashes for the records of all its connections, fetched once. A context is keyed
/// anew for each record, which costs less than memory for one per connection. Where the processor has
/// instructions for AES-GCM, they take OpenSSL's place.
struct RecordCiphers: ~Copyable {
  /// One of each for each `RecordSuite`, by its index.
  private let sealers: UnsafeMutablePointer<OpaquePointer?>
  private let openers: UnsafeMutablePointer<OpaquePointer?>
  private let sha256: OpaquePointer?
  private let sha384: OpaquePointer?
  private let hashing: OpaquePointer?
  private let aes: AESGCM
  let derived: DerivedKeys

  private static let names = ["AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"]

  /// Nil when OpenSSL lacks something or memory is short.
  static func make(_ context: OpaquePointer, _ aes: AESGCM) -> RecordCiphers? {
    guard let derived = DerivedKeys.make() else { return nil }
    let ciphers = RecordCiphers(
      EVP_MD_fetch(context, "SHA2-256", nil), EVP_MD_fetch(context, "SHA2-384", nil), context, aes, derived)
    guard ciphers.isWhole else { return nil }
    return ciphers
  }

  private init(
    _ sha256: OpaquePointer?, _ sha384: OpaquePointer?, _ context: OpaquePointer, _ aes: AESGCM,
    _ derived: consuming DerivedKeys
  ) {
    self.aes = aes
    self.derived = derived
    self.sha256 = sha256
    self.sha384 = sha384
    hashing = EVP_MD_CTX_new()
    sealers = .allocate(capacity: Self.names.count)
    openers = .allocate(capacity: Self.names.count)
    for (index, name) in Self.names.enumerated() {
      (sealers + index).initialize(to: Self.make(name, context, seals: 1))
      (openers + index).initialize(to: Self.make(name, context, seals: 0))
    }
  }

  private var isWhole: Bool {
    sha256 != nil && sha384 != nil && hashing != nil
      && Self.names.indices.allSatisfy { sealers[$0] != nil && openers[$0] != nil }
  }

  private static func make(_ name: String, _ context: OpaquePointer, seals: Int32) -> OpaquePointer? {
    guard let cipher = EVP_CIPHER_fetch(context, name, nil) else { return nil }
    defer { EVP_CIPHER_free(cipher) }
    guard let made = EVP_CIPHER_CTX_new() else { return nil }
    guard EVP_CipherInit_ex2(made, cipher, nil, nil, seals, nil) == 1 else {
      EVP_CIPHER_CTX_free(made)
      return nil
    }
    return made
  }

  deinit {
    for index in Self.names.indices {
      EVP_CIPHER_CTX_free(sealers[index])
      EVP_CIPHER_CTX_free(openers[index])
    }
    sealers.deallocate()
    openers.deallocate()
    EVP_MD_CTX_free(hashing)
    EVP_MD_free(sha256)
    EVP_MD_free(sha384)
  }

  /// Encrypts `count` bytes behind the 5 of a record's header in place, and puts the tag behind them
  /// (RFC 8446 section 5.2). The header is authenticated with them.
  func seal(
    _ header: UnsafeMutableRawPointer, _ count: Int, suite: Int, key: UnsafeRawPointer,
    nonce: UnsafeRawPointer
  ) -> Bool {
    if aes.handles(suite: suite) {
      aes.seal(header, count, suite: suite, key: key, nonce: nonce)
      return true
    }
    let bytes = header.assumingMemoryBound(to: UInt8.self)
    let body = bytes + RecordLayer.headerCount
    var done: Int32 = 0
    let cipher = sealers[suite]
    return EVP_EncryptInit_ex2(cipher, nil, key.octets, nonce.octets, nil) == 1
      && EVP_EncryptUpdate(cipher, nil, &done, bytes, Int32(RecordLayer.headerCount)) == 1
      && EVP_EncryptUpdate(cipher, body, &done, body, Int32(truncatingIfNeeded: count)) == 1
      && EVP_EncryptFinal_ex(cipher, body + count, &done) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(RecordSuite.tagCount), body + count) == 1
  }

  /// Decrypts `count` bytes behind a record's header in place; the tag stands behind them. False when they
  /// aren't authentic: what stands there then must not be looked at.
  /// - Parameter isKeyed: whether `key` is the one of the opener's last call.
  func open(
    _ header: UnsafeMutableRawPointer, _ count: Int, suite: Int, key: UnsafeRawPointer, isKeyed: Bool,
    nonce: UnsafeRawPointer
  ) -> Bool {
    if aes.handles(suite: suite) {
      return aes.open(header, count, suite: suite, key: key, nonce: nonce)
    }
    let bytes = header.assumingMemoryBound(to: UInt8.self)
    let body = bytes + RecordLayer.headerCount
    var done: Int32 = 0
    let cipher = openers[suite]
    return EVP_DecryptInit_ex2(cipher, nil, isKeyed ? nil : key.octets, nonce.octets, nil) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(RecordSuite.tagCount), body + count) == 1
      && EVP_DecryptUpdate(cipher, nil, &done, bytes, Int32(RecordLayer.headerCount)) == 1
      && EVP_DecryptUpdate(cipher, body, &done, body, Int32(truncatingIfNeeded: count)) == 1
      && EVP_DecryptFinal_ex(cipher, body + count, &done) == 1
  }
}

// The key schedule.
extension RecordCiphers {
  private static let blockLimit = 128
  private static let hashLimit = 48
  private static let infoLimit = 32

  /// The key of a secret of a suite that doesn't keep keys; valid until the next call.
  func derivedKey(_ secret: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
    derived.key(of: secret) { expand(secret, label: "key", into: $0) }
  }

  /// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1, RFC 5869 section 2.3), for results no
  /// longer than the hash: one round of HMAC. `result` may be the secret itself.
  func expand(
    _ secret: UnsafeRawBufferPointer, label: StaticString, into result: UnsafeMutableRawBufferPointer
  ) -> Bool {
    assert(result.count <= secret.count && label.utf8CodeUnitCount <= 12)
    return withUnsafeTemporaryAllocation(byteCount: Self.infoLimit + Self.hashLimit, alignment: 8) { memory in
      defer { OPENSSL_cleanse(memory.baseAddress, memory.count) }
      let info = memory.baseAddress!
      let count = Self.writeInfo(label, resultCount: result.count, to: info)
      let hash = info + Self.infoLimit
      guard authenticate(secret, UnsafeRawBufferPointer(start: info, count: count), into: hash) else {
        return false
      }
      result.copyMemory(from: UnsafeRawBufferPointer(start: hash, count: result.count))
      return true
    }
  }

  /// The HkdfLabel and the round's number.
  private static func writeInfo(
    _ label: StaticString, resultCount: Int, to info: UnsafeMutableRawPointer
  ) -> Int {
    let bytes = info.assumingMemoryBound(to: UInt8.self)
    let prefix: StaticString = "tls13 "
    let labelCount = prefix.utf8CodeUnitCount + label.utf8CodeUnitCount
    bytes[0] = 0
    bytes[1] = UInt8(truncatingIfNeeded: resultCount)
    bytes[2] = UInt8(truncatingIfNeeded: labelCount)
    (bytes + 3).update(from: prefix.utf8Start, count: prefix.utf8CodeUnitCount)
    (bytes + 3 + prefix.utf8CodeUnitCount).update(from: label.utf8Start, count: label.utf8CodeUnitCount)
    bytes[3 + labelCount] = 0
    bytes[4 + labelCount] = 1
    return 5 + labelCount
  }

  /// HMAC (RFC 2104) with the hash that is as long as the key.
  private func authenticate(
    _ key: UnsafeRawBufferPointer, _ message: UnsafeRawBufferPointer, into hash: UnsafeMutableRawPointer
  ) -> Bool {
    let digest = key.count == 48 ? sha384 : sha256
    let blockCount = key.count == 48 ? 128 : 64
    let hashed = hash.assumingMemoryBound(to: UInt8.self)
    return withUnsafeTemporaryAllocation(byteCount: Self.blockLimit, alignment: 8) { block in
      defer { OPENSSL_cleanse(block.baseAddress, block.count) }
      func pad(_ value: UInt8) {
        for index in 0..<blockCount { block[index] = index < key.count ? key[index] ^ value : value }
      }
      pad(0x36)
      guard EVP_DigestInit_ex2(hashing, digest, nil) == 1,
        EVP_DigestUpdate(hashing, block.baseAddress, blockCount) == 1,
        EVP_DigestUpdate(hashing, message.baseAddress, message.count) == 1,
        EVP_DigestFinal_ex(hashing, hashed, nil) == 1
      else { return false }
      pad(0x5c)
      return EVP_DigestInit_ex2(hashing, digest, nil) == 1
        && EVP_DigestUpdate(hashing, block.baseAddress, blockCount) == 1
        && EVP_DigestUpdate(hashing, hash, key.count) == 1
        && EVP_DigestFinal_ex(hashing, hashed, nil) == 1
    }
  }
}
