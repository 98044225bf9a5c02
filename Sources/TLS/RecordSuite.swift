/// What a cipher suite asks for (RFC 8446 appendix B.4, RFC 5288, RFC 7905), and where a connection's state has it.
///
/// Behind `RecordState` come, without gaps: the receiving and the sending IV; where the suite keeps them, the
/// receiving and the sending key; in TLS 1.3 the receiving and the sending traffic secret, which records seldom need.
struct RecordSuite {
  let suite: CipherSuite
  /// Bytes of the AEAD's key.
  let keyCount: Int
  /// Bytes of the hash, and so of a traffic secret.
  let secretCount: Int
  /// Which of `RecordCiphers`.
  let cipher: Int
  let isTLS12: Bool
  /// True exactly when a connection's state has its keys. With its secrets, longer ones would make it larger than it
  /// may be; they are derived from the secrets when `DerivedKeys` doesn't have them.
  var keepsKeys: Bool { isTLS12 || keyCount <= 16 }

  /// Bytes of a nonce, of which an IV is the part that a key keeps.
  static let ivCount = 12
  /// Bytes of an authentication tag.
  static let tagCount = 16

  /// How many there are of TLS 1.3, in the order of `RecordCiphers`; and with TLS 1.2's, which come behind.
  static let tls13Count: UInt8 = 3
  static let allCount: UInt8 = 9
  /// The cipher that isn't AES-GCM.
  static let chaCha = 2

  /// By index. Not an array: this is asked for each record.
  init(index: UInt8) {
    switch index {
    case 0: self.init(.aes128GCM, keyCount: 16, secretCount: 32, cipher: 0)
    case 1: self.init(.aes256GCM, keyCount: 32, secretCount: 48, cipher: 1)
    case 2: self.init(.chaCha20Poly1305, keyCount: 32, secretCount: 32, cipher: Self.chaCha)
    case 3: self.init(tls12: 0xc02b, keyCount: 16, secretCount: 32, cipher: 0)
    case 4: self.init(tls12: 0xc02f, keyCount: 16, secretCount: 32, cipher: 0)
    case 5: self.init(tls12: 0xc02c, keyCount: 32, secretCount: 48, cipher: 1)
    case 6: self.init(tls12: 0xc030, keyCount: 32, secretCount: 48, cipher: 1)
    case 7: self.init(tls12: 0xcca9, keyCount: 32, secretCount: 32, cipher: Self.chaCha)
    default: self.init(tls12: 0xcca8, keyCount: 32, secretCount: 32, cipher: Self.chaCha)
    }
  }

  private init(_ suite: CipherSuite, keyCount: Int, secretCount: Int, cipher: Int, isTLS12: Bool = false) {
    self.suite = suite
    self.keyCount = keyCount
    self.secretCount = secretCount
    self.cipher = cipher
    self.isTLS12 = isTLS12
  }

  private init(tls12 id: UInt16, keyCount: Int, secretCount: Int, cipher: Int) {
    self.init(
      CipherSuite(id: id), keyCount: keyCount, secretCount: secretCount, cipher: cipher, isTLS12: true)
  }

  /// Of TLS 1.3.
  static func index(of suite: CipherSuite) -> UInt8? {
    (0..<tls13Count).first { RecordSuite(index: $0).suite == suite }
  }

  static func indexTLS12(of suite: CipherSuite) -> UInt8? {
    (tls13Count..<allCount).first { RecordSuite(index: $0).suite == suite }
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
  var stateCount: Int { isTLS12 ? key(.sending) + keyCount : secret(.sending) + secretCount }
}

// Of TLS 1.2.
extension RecordSuite {
  /// The part of a nonce that stands in each record.
  static let explicitCount = 8

  private var hasExplicitNonce: Bool { isTLS12 && cipher != Self.chaCha }

  /// Bytes of a record before its content.
  var prefixCount: Int { RecordLayer.headerCount + (hasExplicitNonce ? Self.explicitCount : 0) }

  /// What a record's length counts beside its content.
  var overhead: Int { prefixCount - RecordLayer.headerCount + Self.tagCount }

  /// Bytes of an IV as it is derived.
  var derivedIVCount: Int { hasExplicitNonce ? Self.ivCount - Self.explicitCount : Self.ivCount }

  /// Bytes of the keys and IVs of both directions (RFC 5246 section 6.3).
  var keyBlockCount: Int { 2 * (keyCount + derivedIVCount) }
  static let keyBlockLimit = 2 * (32 + ivCount)
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
    /// The peer asked for another handshake, in TLS 1.2; that there won't be one goes before our next data.
    static let owesRefusal = Flags(rawValue: 16)
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
  /// `partial`. In TLS 1.2, `partial` has how many follow once it isn't the header that lacks some. Of a broken
  /// connection, `partial` has what broke it (`RecordLayer.failure`).
  var partialCount: UInt8 = 0
  var partial: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
}
