internal import COpenSSL

/// AES-CBC for the tickets of our own handshakes, set up once for a worker.
struct TicketCiphers: ~Copyable {
  static let blockCount = 16

  /// For AES-256: what random and derived keys take, so that it isn't set up for each ticket. Between tickets they
  /// have no key of anybody's.
  let sealer: OpaquePointer
  let opener: OpaquePointer
  private static let noKey = [UInt8](repeating: 0, count: TicketKey.Size.large.rawValue)

  /// Nil when memory is short.
  static func make(_ large: OpaquePointer) -> TicketCiphers? {
    guard let sealer = make(large, seals: 1) else { return nil }
    guard let opener = make(large, seals: 0) else {
      EVP_CIPHER_CTX_free(sealer)
      return nil
    }
    return TicketCiphers(sealer: sealer, opener: opener)
  }

  private init(sealer: OpaquePointer, opener: OpaquePointer) {
    self.sealer = sealer
    self.opener = opener
  }

  deinit {
    EVP_CIPHER_CTX_free(sealer)
    EVP_CIPHER_CTX_free(opener)
  }

  private static func make(_ cipher: OpaquePointer, seals: Int32) -> OpaquePointer? {
    guard let made = EVP_CIPHER_CTX_new() else { return nil }
    guard EVP_CipherInit_ex2(made, cipher, nil, nil, seals, nil) == 1 else {
      EVP_CIPHER_CTX_free(made)
      return nil
    }
    return made
  }

  /// Enciphers or deciphers whole blocks in place; the padding is the caller's.
  /// - Parameter small: AES-128 for a key that is shorter.
  func apply(
    seals: Bool, _ key: TicketKey, small: OpaquePointer?, vector: UnsafeRawPointer,
    _ bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    if key.size == .large { return Self.apply(seals ? sealer : opener, key, vector, bytes) }
    guard let small, let context = Self.make(small, seals: seals ? 1 : 0) else { return false }
    defer { EVP_CIPHER_CTX_free(context) }
    return Self.apply(context, key, vector, bytes)
  }

  private static func apply(
    _ context: OpaquePointer, _ key: TicketKey, _ vector: UnsafeRawPointer,
    _ bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var count: Int32 = 0
    // A key that has lapsed or been replaced must not live on here until the next ticket comes.
    defer { EVP_CipherInit_ex2(context, nil, noKey, nil, -1, nil) }
    // The padding is set anew with each key.
    return EVP_CipherInit_ex2(
      context, nil, key.cipherKey.assumingMemoryBound(to: UInt8.self),
      vector.assumingMemoryBound(to: UInt8.self), -1, nil) == 1
      && EVP_CIPHER_CTX_set_padding(context, 0) == 1
      && EVP_CipherUpdate(context, start, &count, start, Int32(truncatingIfNeeded: bytes.count)) == 1
      && Int(count) == bytes.count
  }
}
