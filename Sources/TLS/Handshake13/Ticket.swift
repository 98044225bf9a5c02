internal import COpenSSL

/// A ticket of our own handshakes (RFC 5077 section 4): the name of its key (16 bytes), a vector (16), the content in
/// AES-CBC, and HMAC-SHA256 over all that: the form and the keys of OpenSSL's, but for the content.
///
/// Content: a 1 for this version, the suite (2), when it was given, in seconds since 1970 (8), its lifetime in seconds
/// (4), and the pre-shared key; then padding (PKCS #7), a 1 whatever the hash. An OpenSSL session begins with 0x30, and
/// is never as short. OpenSSL deciphers ours and finds no session: without right padding, it would leave an error behind
/// that its own next step trips over.
struct Ticket {
  enum Opened {
    /// Not authentic, or by a key that is gone.
    case unknown
    /// Authentic, but no content of ours: OpenSSL's.
    case foreign
    case ours(Ticket)
  }

  var suite: UInt16
  var given: WallTime
  /// Seconds.
  var lifetime: UInt32

  static let version: UInt8 = 1
  private static let vectorCount = 16
  private static let macCount = 32
  private static let headCount = 15
  private static let overhead = TicketKey.nameCount + vectorCount + macCount
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
  ///   - room: `limit` bytes at least.
  /// - Returns: its length; nil when OpenSSL fails.
  func seal(
    _ secret: UnsafeRawBufferPointer, key: TicketKey, vector: UnsafeRawPointer, context: TLSContext,
    into room: UnsafeMutableRawBufferPointer
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
    Self.authenticate(writer.written(from: 0), key, into: room.baseAddress! + writer.count)
    return writer.count + Self.macCount
  }

  /// Opens what a client brought, and writes the pre-shared key, of the suite's hash's length.
  /// - Parameter secret: room for 48 bytes.
  static func open(
    _ bytes: UnsafeRawBufferPointer, context: TLSContext, secret: UnsafeMutableRawPointer
  ) -> Opened {
    guard bytes.count >= overhead, let start = bytes.baseAddress,
      let key = context.ticketKeys?.key(named: start)?.key
    else { return .unknown }
    let content = UnsafeRawBufferPointer(
      rebasing: bytes[TicketKey.nameCount + vectorCount..<bytes.count - macCount])
    return withUnsafeTemporaryAllocation(byteCount: macCount + contentCount(48), alignment: 8) { memory in
      defer { OPENSSL_cleanse(memory.baseAddress, memory.count) }
      authenticate(
        UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - macCount)]), key, into: memory.baseAddress!)
      guard CRYPTO_memcmp(memory.baseAddress, start + bytes.count - macCount, macCount) == 0 else {
        return .unknown
      }
      guard [contentCount(32), contentCount(48)].contains(content.count) else { return .foreign }
      let plain = UnsafeMutableRawBufferPointer(rebasing: memory[macCount..<macCount + content.count])
      plain.copyMemory(from: content)
      guard
        context.library.ticketCiphers.apply(
          seals: false, key, small: context.smallTicketCipher, vector: start + TicketKey.nameCount, plain)
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
    else { return .foreign }
    let count = RecordSuite(index: index).secretCount
    guard contentCount(count) == plain.count, let key = cursor.take(count) else { return .foreign }
    secret.copyMemory(from: key.baseAddress!, byteCount: count)
    return .ours(
      Ticket(
        suite: UInt16(truncatingIfNeeded: suite),
        given: WallTime(seconds: Int64(bigEndian: given.loadUnaligned(as: Int64.self))),
        lifetime: UInt32(truncatingIfNeeded: lifetime)))
  }

  private static func authenticate(
    _ bytes: UnsafeRawBufferPointer, _ key: TicketKey, into mac: UnsafeMutableRawPointer
  ) {
    withUnsafeTemporaryAllocation(of: copenssl_keyed.self, capacity: 1) { keyed in
      copenssl_keyed_start(keyed.baseAddress, 32, key.authenticationKey, key.size.rawValue)
      copenssl_keyed_hash(keyed.baseAddress, bytes.baseAddress, bytes.count, mac)
      copenssl_keyed_wipe(keyed.baseAddress)
    }
  }
}
