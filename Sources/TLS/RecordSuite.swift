/// What a cipher suite of TLS 1.3 asks for (RFC 8446 appendix B.4), and where a connection's state has it.
///
/// Behind `RecordState` come, without gaps: the receiving and the sending IV; where the suite keeps them, the
/// receiving and the sending key; the receiving and the sending traffic secret, which records seldom need.
struct RecordSuite {
  let suite: CipherSuite
  /// Bytes of the AEAD's key.
  let keyCount: Int
  /// Bytes of the hash, and so of a traffic secret.
  let secretCount: Int
  /// True exactly when a connection's state has its keys. Longer ones would make it larger than it may be;
  /// they are derived from the secrets when `DerivedKeys` doesn't have them.
  var keepsKeys: Bool { keyCount <= 16 }

  /// Bytes of a nonce, of which an IV is the part that a key keeps.
  static let ivCount = 12
  /// Bytes of an authentication tag.
  static let tagCount = 16

  /// How many there are.
  static let allCount = 3
  /// The one that isn't AES-GCM.
  static let chaChaIndex = 2

  /// By index, in the order of `RecordCiphers`. Not an array: this is asked for each record.
  init(index: UInt8) {
    switch index {
    case 0: self.init(suite: .aes128GCM, keyCount: 16, secretCount: 32)
    case 1: self.init(suite: .aes256GCM, keyCount: 32, secretCount: 48)
    default: self.init(suite: .chaCha20Poly1305, keyCount: 32, secretCount: 32)
    }
  }

  private init(suite: CipherSuite, keyCount: Int, secretCount: Int) {
    self.suite = suite
    self.keyCount = keyCount
    self.secretCount = secretCount
  }

  static func index(of suite: CipherSuite) -> UInt8? {
    (0..<UInt8(allCount)).first { RecordSuite(index: $0).suite == suite }
  }

  func iv(_ direction: RecordDirection) -> Int {
    MemoryLayout<RecordState>.size + direction.rawValue * Self.ivCount
  }

  /// Only where the suite keeps keys.
  func key(_ direction: RecordDirection) -> Int {
    assert(keepsKeys)
    return iv(.sending) + Self.ivCount + direction.rawValue * keyCount
  }

  func secret(_ direction: RecordDirection) -> Int {
    iv(.sending) + Self.ivCount + (keepsKeys ? 2 * keyCount : 0) + direction.rawValue * secretCount
  }

  /// Bytes of a connection's state.
  var stateCount: Int { secret(.sending) + secretCount }
}

enum RecordDirection: Int { case receiving, sending }

/// The part of a connection's state that isn't secret. Its size is part of every offset in `RecordSuite`.
struct RecordState {
  struct Flags: OptionSet {
    let rawValue: UInt8
    /// The peer asked for a KeyUpdate; it goes before our next data.
    static let owesKeyUpdate = Flags(rawValue: 1)
    /// The peer has sent close_notify.
    static let isClosed = Flags(rawValue: 2)
    /// We have sent close_notify or a fatal alert: nothing may follow.
    static let hasEnded = Flags(rawValue: 4)
    /// A record was refused: nothing is opened any more.
    static let isBroken = Flags(rawValue: 8)
  }

  /// The sequence numbers of the next records (RFC 8446 section 5.3).
  var received: UInt64 = 0
  var sent: UInt64
  /// Which `RecordSuite`.
  var suite: UInt8
  var flags = Flags()
  /// Records in a row that brought no data.
  var idle: UInt8 = 0
  /// Bytes of a handshake message that has begun but not ended with its record; the first of them in
  /// `partial`. Of a broken connection, `partial` has what broke it (`RecordLayer.failure`).
  var partialCount: UInt8 = 0
  var partial: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
}
