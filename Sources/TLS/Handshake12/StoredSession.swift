internal import COpenSSL

/// A session of TLS 1.2 that OpenSSL has put into a ticket (RFC 5077 section 4): what resuming it takes. Parts of the
/// ticket's content, which is wiped after one call.
///
/// The content is OpenSSL's SSL_SESSION in DER (ssl/ssl_asn1.c, the form of `openssl sess_id`).
struct StoredSession {
  private(set) var suite: UInt16 = 0
  /// 48 bytes.
  private(set) var masterSecret = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var given = WallTime(seconds: 0)
  /// Seconds.
  private(set) var lifetime: Int64 = 0
  /// What it is bound to (`sessionIdentity`).
  private(set) var identity = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The server name that was acknowledged to the client; nil for none.
  private(set) var serverName: UnsafeRawBufferPointer?
  /// True exactly when the master secret is bound to its handshake (RFC 7627).
  private(set) var hasExtendedMasterSecret = false

  static let masterSecretCount = 48

  /// As OpenSSL has it; times that can't be are no times at all.
  func isAlive(_ now: WallTime) -> Bool {
    let (end, overflows) = given.seconds.addingReportingOverflow(lifetime)
    return lifetime > 0 && !overflows && now.seconds <= end
  }
}

// The ticket around it.
extension StoredSession {
  private static let vectorCount = 16
  private static let codeCount = 32
  /// Content that names and application protocols of any length fit in.
  private static let contentLimit = 2048

  /// Gives `body` the session of a ticket that is authentic and by the key that seals now; others are OpenSSL's to
  /// judge, which gives new tickets for old ones.
  /// - Returns: nil where that isn't so, or `body` has none.
  static func open<Result>(
    _ ticket: UnsafeRawBufferPointer, _ context: TLSContext, _ body: (StoredSession) -> Result?
  ) -> Result? {
    let start = TicketKey.nameCount + vectorCount
    let count = ticket.count - start - codeCount
    guard count > 0, count <= contentLimit, count % TicketCiphers.blockCount == 0,
      let bytes = ticket.baseAddress,
      let (key, isSealing) = context.ticketKeys?.key(named: bytes), isSealing, isAuthentic(ticket, key)
    else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { plain in
      defer { OPENSSL_cleanse(plain.baseAddress, count) }
      plain.copyMemory(from: UnsafeRawBufferPointer(rebasing: ticket[start..<start + count]))
      let isOpen = context.library.ticketCiphers.apply(
        seals: false, key, small: context.smallTicketCipher, vector: bytes + TicketKey.nameCount, plain)
      guard isOpen, let session = StoredSession(padded: UnsafeRawBufferPointer(plain)) else {
        ERR_clear_error()
        return nil
      }
      return body(session)
    }
  }

  /// HMAC-SHA256 of all that stands before it.
  private static func isAuthentic(_ ticket: UnsafeRawBufferPointer, _ key: TicketKey) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: codeCount, alignment: 8) { code in
      withUnsafeTemporaryAllocation(of: copenssl_keyed.self, capacity: 1) { keyed in
        copenssl_keyed_start(keyed.baseAddress, codeCount, key.authenticationKey, key.size.rawValue)
        copenssl_keyed_hash(keyed.baseAddress, ticket.baseAddress, ticket.count - codeCount, code.baseAddress)
        copenssl_keyed_wipe(keyed.baseAddress)
      }
      return CRYPTO_memcmp(code.baseAddress, ticket.baseAddress! + ticket.count - codeCount, codeCount) == 0
    }
  }

  /// Of content that is authentic, and so OpenSSL's own but for its form, which another OpenSSL may have given it.
  private init?(padded: UnsafeRawBufferPointer) {
    guard let last = padded.last, last > 0, last <= TicketCiphers.blockCount else { return nil }
    var outer = DERReader(UnsafeRawBufferPointer(rebasing: padded[..<(padded.count - Int(last))]))
    guard let content = outer.only(DERReader.sequence) else { return nil }
    var fields = DERReader(content)
    guard readFixed(&fields) else { return nil }
    while !fields.isAtEnd {
      guard let (tag, body) = fields.next(), take(tag, body) else { return nil }
    }
  }
}

// Its fields.
extension StoredSession {
  /// Those that are always there.
  private mutating func readFixed(_ fields: inout DERReader) -> Bool {
    guard fields.integer() == 1, fields.integer() == Int64(TLS1_2_VERSION),
      let suite = fields.next(DERReader.octets), suite.count == 2,
      fields.next(DERReader.octets) != nil,  // The session's name.
      let secret = fields.next(DERReader.octets), secret.count == Self.masterSecretCount
    else { return false }
    self.suite = UInt16(suite[0]) << 8 | UInt16(suite[1])
    masterSecret = secret
    return true
  }

  /// One that may be there. False for what isn't in order, and for what our handshake doesn't go into: clients'
  /// certificates (3), pre-shared keys (7, 8), compression (11), SRP (12), fragments of another length (17).
  private mutating func take(_ tag: UInt8, _ body: UnsafeRawBufferPointer) -> Bool {
    var value = DERReader(body)
    switch tag {
    case DERReader.context(1):
      guard let seconds = value.onlyInteger() else { return false }
      given = WallTime(seconds: seconds)
    case DERReader.context(2):
      guard let seconds = value.onlyInteger() else { return false }
      lifetime = seconds
    case DERReader.context(4):
      guard let bytes = value.only(DERReader.octets) else { return false }
      identity = bytes
    case DERReader.context(6):
      guard let bytes = value.only(DERReader.octets) else { return false }
      serverName = bytes
    case DERReader.context(13):
      guard let flags = value.onlyInteger() else { return false }
      hasExtendedMasterSecret = flags & Self.extendedMasterSecretFlag != 0
    case DERReader.context(5), DERReader.context(9), DERReader.context(10), DERReader.context(14),
      DERReader.context(15), DERReader.context(16), DERReader.context(18), DERReader.context(19):
      break
    default: return false
    }
    return true
  }

  /// OpenSSL's SSL_SESS_FLAG_EXTMS, which no public header has.
  private static let extendedMasterSecretFlag: Int64 = 1
}
