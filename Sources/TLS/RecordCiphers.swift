internal import COpenSSL

/// A worker's AEADs for the records of all its connections, fetched once. A context is keyed anew for each record,
/// which costs less than memory for one per connection. Where the processor has instructions for AES-GCM, they take
/// OpenSSL's place.
struct RecordCiphers: ~Copyable {
  /// One of each for each `RecordSuite.cipher`.
  private let sealers: UnsafeMutablePointer<OpaquePointer?>
  private let openers: UnsafeMutablePointer<OpaquePointer?>
  private let aes: AESGCM
  let derived: DerivedKeys

  private static let names = ["AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"]

  /// Nil when OpenSSL lacks something or memory is short.
  static func make(_ context: OpaquePointer, _ aes: AESGCM) -> RecordCiphers? {
    guard let derived = DerivedKeys.make() else { return nil }
    let ciphers = RecordCiphers(context, aes, derived)
    guard ciphers.isWhole else { return nil }
    return ciphers
  }

  private init(_ context: OpaquePointer, _ aes: AESGCM, _ derived: consuming DerivedKeys) {
    self.aes = aes
    self.derived = derived
    sealers = .allocate(capacity: Self.names.count)
    openers = .allocate(capacity: Self.names.count)
    for (index, name) in Self.names.enumerated() {
      (sealers + index).initialize(to: Self.make(name, context, seals: 1))
      (openers + index).initialize(to: Self.make(name, context, seals: 0))
    }
  }

  private var isWhole: Bool {
    Self.names.indices.allSatisfy { sealers[$0] != nil && openers[$0] != nil }
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
  }

  /// Encrypts `count` bytes in place, and puts the tag behind them (RFC 8446 section 5.2). The header, which stands
  /// right before them, is authenticated with them.
  /// - Parameter headerCount: the header's bytes: 5, or 13 in TLS 1.2.
  func seal(
    _ header: UnsafeMutableRawPointer, _ count: Int, cipher: Int, key: UnsafeRawPointer,
    nonce: UnsafeRawPointer, headerCount: Int = RecordLayer.headerCount
  ) -> Bool {
    if aes.handles(cipher: cipher) {
      aes.seal(header, headerCount, count, cipher: cipher, key: key, nonce: nonce)
      return true
    }
    return seal(
      header + headerCount, count, over: UnsafeRawBufferPointer(start: header, count: headerCount),
      cipher: cipher, key: key, nonce: nonce)
  }

  /// The same by OpenSSL, where what is authenticated with the content stands elsewhere.
  func seal(
    _ content: UnsafeMutableRawPointer, _ count: Int, over additional: UnsafeRawBufferPointer, cipher: Int,
    key: UnsafeRawPointer, nonce: UnsafeRawPointer
  ) -> Bool {
    let body = content.octets
    var done: Int32 = 0
    let cipher = sealers[cipher]
    return EVP_EncryptInit_ex2(cipher, nil, key.octets, nonce.octets, nil) == 1
      && EVP_EncryptUpdate(cipher, nil, &done, additional.octets, Int32(truncatingIfNeeded: additional.count))
        == 1
      && EVP_EncryptUpdate(cipher, body, &done, body, Int32(truncatingIfNeeded: count)) == 1
      && EVP_EncryptFinal_ex(cipher, body + count, &done) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(RecordSuite.tagCount), body + count) == 1
  }

  /// Decrypts `count` bytes behind a record's header in place; the tag stands behind them. False when they
  /// aren't authentic: what stands there then must not be looked at.
  /// - Parameters:
  ///   - isKeyed: whether `key` is the one of the opener's last call.
  ///   - headerCount: as for sealing.
  func open(
    _ header: UnsafeMutableRawPointer, _ count: Int, cipher: Int, key: UnsafeRawPointer, isKeyed: Bool,
    nonce: UnsafeRawPointer, headerCount: Int = RecordLayer.headerCount
  ) -> Bool {
    if aes.handles(cipher: cipher) {
      return aes.open(header, headerCount, count, cipher: cipher, key: key, nonce: nonce)
    }
    return open(
      header + headerCount, count, over: UnsafeRawBufferPointer(start: header, count: headerCount),
      cipher: cipher, key: key, isKeyed: isKeyed, nonce: nonce)
  }

  /// The same by OpenSSL, where what is authenticated with the content stands elsewhere.
  func open(
    _ content: UnsafeMutableRawPointer, _ count: Int, over additional: UnsafeRawBufferPointer, cipher: Int,
    key: UnsafeRawPointer, isKeyed: Bool, nonce: UnsafeRawPointer
  ) -> Bool {
    let body = content.octets
    var done: Int32 = 0
    let cipher = openers[cipher]
    return EVP_DecryptInit_ex2(cipher, nil, isKeyed ? nil : key.octets, nonce.octets, nil) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(RecordSuite.tagCount), body + count) == 1
      && EVP_DecryptUpdate(cipher, nil, &done, additional.octets, Int32(truncatingIfNeeded: additional.count))
        == 1
      && EVP_DecryptUpdate(cipher, body, &done, body, Int32(truncatingIfNeeded: count)) == 1
      && EVP_DecryptFinal_ex(cipher, body + count, &done) == 1
  }
}

extension RecordCiphers {
  /// The key of a secret of a suite that doesn't keep keys (RFC 8446 section 7.3); valid until the next call.
  func derivedKey(_ secret: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
    derived.key(of: secret) { key in
      let schedule = KeySchedule(hashCount: secret.count)
      schedule.with(secret.baseAddress!) { schedule.expand($0, "key", into: key.baseAddress!, key.count) }
      return true
    }
  }
}
