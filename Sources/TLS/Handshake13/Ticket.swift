internal import COpenSSL

/// A ticket of our own handshakes (RFC 5077 section 4): the name of its key (16 bytes), a vector (16), the content in
/// AES-CBC, and a code (32) of all that: the form and the keys of OpenSSL's.
///
/// The code is HMAC-SHA256 of OpenSSL's code, which is HMAC-SHA256 of what stands before it, and of the identity of the
/// server that gave it. So each ticket is authentic to one of the two only, and to no server by another name.
///
/// Content: a 1 for this version, the suite (2), when it was given, in seconds since 1970 (8), its lifetime in seconds
/// (4), the pre-shared key, and a 1 that fills the last block.
struct Ticket {
  enum Opened {
    /// Not authentic, another server's, or by a key that is gone.
    case unknown
    /// OpenSSL's.
    case foreign
    case ours(Ticket)
  }

  var suite: UInt16
  var given: WallTime
  /// Seconds.
  var lifetime: UInt32

  static let version: UInt8 = 1
  private static let vectorCount = 16
  private static let codeCount = 32
  private static let headCount = 15
  private static let overhead = TicketKey.nameCount + vectorCount + codeCount
  /// Bytes of the longest.
  static let limit = overhead + contentCount(48)

  /// Bytes of the content, with a pre-shared key of so many: whole blocks.
  private static func contentCount(_ secretCount: Int) -> Int {
    assert((headCount + secretCount + 1) % TicketCiphers.blockCount == 0)
    return headCount + secretCount + 1
  }

  func isAlive(_ now: WallTime) -> Bool { now.seconds - given.seconds <= Int64(lifetime) }
}

extension Ticket {
  /// - Parameters:
  ///   - vector: 16 random bytes.
  ///   - identity: the server's (`sessionIdentity`).
  ///   - room: `limit` bytes at least.
  /// - Returns: its length; nil when OpenSSL fails.
  func seal(
    _ secret: UnsafeRawBufferPointer, key: TicketKey, vector: UnsafeRawPointer, identity: [UInt8],
    context: TLSContext, into room: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var writer = FlightWriter(room)
    writer.bytes(key.name)
    writer.bytes(vector, Self.vectorCount)
    let start = writer.count
    writer.number(Int(Self.version), 1)
    writer.number(Int(suite), 2)
    writer.number(Int(given.seconds), 8)
    writer.number(Int(lifetime), 4)
    writer.bytes(secret)
    writer.number(1, 1)
    assert(writer.count - start == Self.contentCount(secret.count))
    let content = UnsafeMutableRawBufferPointer(rebasing: room[start..<writer.count])
    guard
      context.library.ticketCiphers.apply(
        seals: true, key, small: context.smallTicketCipher, vector: vector, content)
    else {
      OPENSSL_cleanse(content.baseAddress, content.count)
      ERR_clear_error()
      return nil
    }
    let code = room.baseAddress! + writer.count
    Self.authenticate(writer.written(from: 0), key, identity) { _, ours in
      code.copyMemory(from: ours, byteCount: Self.codeCount)
    }
    return writer.count + Self.codeCount
  }

  /// Opens what a client brought, and writes the pre-shared key, of the suite's hash's length.
  /// - Parameter secret: room for 48 bytes.
  static func open(
    _ bytes: UnsafeRawBufferPointer, identity: [UInt8], context: TLSContext, secret: UnsafeMutableRawPointer
  ) -> Opened {
    guard bytes.count >= overhead, let start = bytes.baseAddress,
      let key = context.ticketKeys?.key(named: start)?.key
    else { return .unknown }
    let covered = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - codeCount)])
    let code = start + covered.count
    var opened = Opened.unknown
    authenticate(covered, key, identity) { openSSLs, ours in
      if CRYPTO_memcmp(code, openSSLs, codeCount) == 0 { opened = .foreign }
      guard CRYPTO_memcmp(code, ours, codeCount) == 0 else { return }
      let content = UnsafeRawBufferPointer(rebasing: covered[(TicketKey.nameCount + vectorCount)...])
      opened = decipher(content, key, vector: start + TicketKey.nameCount, context, secret)
    }
    return opened
  }

  private static func decipher(
    _ content: UnsafeRawBufferPointer, _ key: TicketKey, vector: UnsafeRawPointer, _ context: TLSContext,
    _ secret: UnsafeMutableRawPointer
  ) -> Opened {
    guard [contentCount(32), contentCount(48)].contains(content.count) else { return .unknown }
    return withUnsafeTemporaryAllocation(byteCount: content.count, alignment: 8) { plain in
      defer { OPENSSL_cleanse(plain.baseAddress, plain.count) }
      plain.copyMemory(from: content)
      guard
        context.library.ticketCiphers.apply(
          seals: false, key, small: context.smallTicketCipher, vector: vector, plain)
      else {
        ERR_clear_error()
        return .unknown
      }
      return read(UnsafeRawBufferPointer(plain), secret)
    }
  }

  private static func read(_ plain: UnsafeRawBufferPointer, _ secret: UnsafeMutableRawPointer) -> Opened {
    var cursor = ByteCursor(plain)
    guard cursor.number(1) == Int(version), let suite = cursor.number(2), let given = cursor.take(8),
      let lifetime = cursor.number(4),
      let index = RecordSuite.index(of: CipherSuite(id: UInt16(truncatingIfNeeded: suite)))
    else { return .unknown }
    let count = RecordSuite(index: index).secretCount
    guard contentCount(count) == plain.count, let key = cursor.take(count) else { return .unknown }
    secret.copyMemory(from: key.baseAddress!, byteCount: count)
    return .ours(
      Ticket(
        suite: UInt16(truncatingIfNeeded: suite),
        given: WallTime(seconds: Int64(bigEndian: given.loadUnaligned(as: Int64.self))),
        lifetime: UInt32(truncatingIfNeeded: lifetime)))
  }

  /// Hands over the code that OpenSSL's ticket would have, and ours.
  private static func authenticate(
    _ bytes: UnsafeRawBufferPointer, _ key: TicketKey, _ identity: [UInt8],
    _ body: (_ openSSLs: UnsafeRawPointer, _ ours: UnsafeRawPointer) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: copenssl_keyed.self, capacity: 1) { keyed in
      copenssl_keyed_start(keyed.baseAddress, 32, key.authenticationKey, key.size.rawValue)
      defer { copenssl_keyed_wipe(keyed.baseAddress) }
      withUnsafeTemporaryAllocation(byteCount: 2 * codeCount + identity.count, alignment: 8) { memory in
        let (theirs, ours) = (memory.baseAddress!, memory.baseAddress! + codeCount + identity.count)
        copenssl_keyed_hash(keyed.baseAddress, bytes.baseAddress, bytes.count, theirs)
        UnsafeMutableRawBufferPointer(rebasing: memory[codeCount...]).copyBytes(from: identity)
        copenssl_keyed_hash(keyed.baseAddress, theirs, codeCount + identity.count, ours)
        body(theirs, ours)
      }
    }
  }
}
