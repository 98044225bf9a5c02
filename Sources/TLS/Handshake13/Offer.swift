/// What a client's ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2) offers, as far as our own handshakes go
/// into it: parts of the input, to be looked at during one call.
///
/// Strict: what is odd in any way isn't read, and so left to OpenSSL, which has the right alert for it.
struct Offer {
  /// The whole message.
  var message = UnsafeRawBufferPointer(start: nil, count: 0)
  /// What it took of the input.
  var recordCount = 0
  /// 32 bytes.
  var random = UnsafeRawBufferPointer(start: nil, count: 0)
  /// 0 to 32 bytes.
  var sessionID = UnsafeRawBufferPointer(start: nil, count: 0)
  var suites = NumberList(UnsafeRawBufferPointer(start: nil, count: 0))
  /// True exactly when one of the versions is TLS 1.3.
  var offersTLS13 = false
  /// True exactly when nothing stands in it but what TLS 1.2's clients send, as they send it.
  private var isTLS12 = true
  private var hasExtendedMasterSecret = false
  private var hasRenegotiationInfo = false
  /// A ticket of TLS 1.2 (RFC 5077 section 3.2); maybe empty.
  var sessionTicket: UnsafeRawBufferPointer?
  var groups: NumberList?
  /// KeyShareEntries (section 4.2.8), all well formed.
  var shares: UnsafeRawBufferPointer?
  var schemes: NumberList?
  /// The name of a host, printable ASCII.
  var serverName: UnsafeRawBufferPointer?
  /// ProtocolNames (RFC 7301 section 3.1), all well formed.
  var protocols: UnsafeRawBufferPointer?
  var wantsStaple = false
  /// True exactly when it sent the modes that it can resume in.
  var hasModes = false
  /// True exactly when it can resume with a fresh key exchange (psk_dhe_ke).
  var takesTickets = false
  var tickets: OfferedTickets?

  /// Reads the record at the input's beginning. Nil unless it is all there, holds a ClientHello and nothing else,
  /// and offers what one of our handshakes needs.
  static func read(_ input: UnsafeRawBufferPointer) -> Offer? {
    guard input.count >= RecordLayer.headerCount + 4, input[0] == ContentType.handshake, input[1] == 3 else {
      return nil
    }
    let length = Int(input[3]) << 8 | Int(input[4])
    let end = RecordLayer.headerCount + length
    guard length <= RecordLayer.plaintextLimit, end <= input.count else { return nil }
    var offer = Offer()
    offer.message = UnsafeRawBufferPointer(rebasing: input[RecordLayer.headerCount..<end])
    offer.recordCount = end
    var cursor = ByteCursor(offer.message)
    guard cursor.number(1) == Int(HandshakeType.clientHello), let body = cursor.part(3), cursor.isAtEnd,
      offer.readBody(body)
    else { return nil }
    return offer.offersTLS13 ? (offer.isWhole ? offer : nil) : (offer.resumesTLS12 ? offer : nil)
  }

  private var isWhole: Bool { groups != nil && shares != nil && (tickets == nil || hasModes) }

  /// Signals among the suites (RFC 5746 section 3.3, RFC 7507).
  private static let emptyRenegotiationInfo: UInt16 = 0x00ff
  private static let fallback: UInt16 = 0x5600

  /// True exactly when it wants to resume a session of TLS 1.2 and has all that we ask for.
  private var resumesTLS12: Bool {
    guard isTLS12, hasExtendedMasterSecret, !sessionID.isEmpty, let sessionTicket, !sessionTicket.isEmpty
    else {
      return false
    }
    return (hasRenegotiationInfo || suites.contains(Self.emptyRenegotiationInfo))
      && !suites.contains(Self.fallback)
  }

  private mutating func readBody(_ body: UnsafeRawBufferPointer) -> Bool {
    var cursor = ByteCursor(body)
    guard cursor.number(2) == 0x0303, let random = cursor.take(32), let session = cursor.part(1),
      session.count <= 32,
      let suites = cursor.part(2), suites.count >= 2, suites.count % 2 == 0,
      cursor.number(2) == 0x0100,  // One compression: none.
      let extensions = cursor.onlyPart(2)
    else { return false }
    self.random = random
    sessionID = session
    self.suites = NumberList(suites)
    return readExtensions(extensions)
  }
}

extension Offer {
  /// More than any client sends.
  private static let extensionLimit = 64

  private mutating func readExtensions(_ list: UnsafeRawBufferPointer) -> Bool {
    var cursor = ByteCursor(list)
    var (seen, count) = (UInt64(0), 0)
    while !cursor.isAtEnd {
      let place = list.count - cursor.rest.count
      guard let type = cursor.number(2), let body = cursor.part(2), count < Self.extensionLimit else {
        return false
      }
      count += 1
      if type < 64 {
        guard seen & 1 << UInt64(type) == 0 else { return false }
        seen |= 1 << UInt64(type)
      } else if Self.holds(type, UnsafeRawBufferPointer(rebasing: list[..<place])) {
        return false
      }
      // Binders cover all that is before them, so they come last (section 4.2.11).
      guard tickets == nil, take(type, body) else { return false }
    }
    return true
  }

  private static func holds(_ type: Int, _ list: UnsafeRawBufferPointer) -> Bool {
    var cursor = ByteCursor(list)
    while let other = cursor.number(2), cursor.part(2) != nil {
      if other == type { return true }
    }
    return false
  }

  /// Section 4.2. False for what isn't in order, and for what is OpenSSL's to deal with.
  private mutating func take(_ type: Int, _ body: UnsafeRawBufferPointer) -> Bool {
    var cursor = ByteCursor(body)
    switch type {
    case ExtensionType.serverName: return takeServerName(&cursor)
    case ExtensionType.statusRequest:
      // OCSP, from any responder, without extensions.
      wantsStaple = body.elementsEqual([1, 0, 0, 0, 0])
      return wantsStaple
    case ExtensionType.groups:
      groups = cursor.onlyNumbers(2)
      return groups != nil
    case ExtensionType.signatureAlgorithms:
      schemes = cursor.onlyNumbers(2)
      return schemes != nil
    case ExtensionType.alpn: return takeProtocols(&cursor)
    case ExtensionType.pointFormats, ExtensionType.extendedMasterSecret, ExtensionType.sessionTicket,
      ExtensionType.renegotiationInfo, ExtensionType.secureRemotePassword:
      takeTLS12(type, body)
      return true
    case ExtensionType.versions, ExtensionType.modes, ExtensionType.shares, ExtensionType.preSharedKey,
      ExtensionType.postHandshakeAuthentication:
      isTLS12 = false
      return takeTLS13(type, body)
    default: return !ExtensionType.leftToOpenSSL.contains(type)
    }
  }

  private mutating func takeTLS13(_ type: Int, _ body: UnsafeRawBufferPointer) -> Bool {
    var cursor = ByteCursor(body)
    switch type {
    case ExtensionType.versions:
      guard let versions = cursor.onlyNumbers(1) else { return false }
      offersTLS13 = versions.contains(0x0304)
      return true
    case ExtensionType.modes:
      guard let modes = cursor.onlyPart(1) else { return false }
      hasModes = true
      takesTickets = modes.contains(1)
      return true
    case ExtensionType.shares: return takeShares(&cursor)
    case ExtensionType.preSharedKey:
      tickets = OfferedTickets(body, in: message)
      return tickets != nil
    default: return body.isEmpty
    }
  }

  /// To TLS 1.3 these are nothing, whatever is in them.
  private mutating func takeTLS12(_ type: Int, _ body: UnsafeRawBufferPointer) {
    var cursor = ByteCursor(body)
    switch type {
    case ExtensionType.sessionTicket: sessionTicket = body
    case ExtensionType.extendedMasterSecret where body.isEmpty: hasExtendedMasterSecret = true
    case ExtensionType.renegotiationInfo where body.elementsEqual([0]): hasRenegotiationInfo = true
    case ExtensionType.pointFormats where cursor.onlyPart(1) != nil: break
    default: isTLS12 = false
    }
  }

  /// One name of the type "host name" (RFC 6066 section 3).
  private mutating func takeServerName(_ cursor: inout ByteCursor) -> Bool {
    guard let list = cursor.onlyPart(2) else { return false }
    var names = ByteCursor(list)
    guard names.number(1) == 0, let name = names.onlyPart(2), name.count <= 255,
      name.allSatisfy({ (0x21...0x7e).contains($0) })
    else { return false }
    serverName = name
    return true
  }

  private mutating func takeProtocols(_ cursor: inout ByteCursor) -> Bool {
    guard let list = cursor.onlyPart(2) else { return false }
    var names = ByteCursor(list)
    while !names.isAtEnd {
      guard let name = names.part(1), !name.isEmpty else { return false }
    }
    protocols = list
    return true
  }

  private mutating func takeShares(_ cursor: inout ByteCursor) -> Bool {
    guard let list = cursor.onlyPart(2) else { return false }
    var entries = ByteCursor(list)
    while !entries.isAtEnd {
      guard entries.number(2) != nil, let share = entries.part(2), !share.isEmpty else { return false }
    }
    shares = list
    return true
  }
}

/// RFC 8446 section 4.2; of TLS 1.2 alone, RFCs 8422, 5054, 7627, 5077 and 5746.
enum ExtensionType {
  static let serverName = 0
  static let statusRequest = 5
  static let groups = 10
  static let pointFormats = 11
  static let secureRemotePassword = 12
  static let signatureAlgorithms = 13
  static let alpn = 16
  static let extendedMasterSecret = 23
  static let sessionTicket = 35
  static let preSharedKey = 41
  static let versions = 43
  static let modes = 45
  static let postHandshakeAuthentication = 49
  static let shares = 51
  static let renegotiationInfo = 0xff01

  /// max_fragment_length, use_srtp, early_data, cookie, certificate_authorities, signature_algorithms_cert: rare, and
  /// nothing to pass over.
  static let leftToOpenSSL = [1, 14, 42, 44, 47, 50]
}
