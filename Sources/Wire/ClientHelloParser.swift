/// Reads the body of a ClientHello message.
struct ClientHelloParser {
  /// Pre-shared keys that are kept.
  static let pskLimit = 8

  private enum ExtensionType {
    static let serverName = 0
    static let groups = 10
    static let signatureAlgorithms = 13
    static let alpn = 16
    static let ticket = 35
    static let preSharedKey = 41
    static let versions = 43
  }

  private var hello = ClientHello()
  /// The extensions that were read, a bit each; all that are read have types below 64.
  private var seen: UInt64 = 0
  private var hasVersions = false

  mutating func parse(_ body: Range<Int>, in bytes: Span<UInt8>) throws(ClientHelloError) -> ClientHello {
    var reader = ByteReader(body)
    guard let version = reader.number(2, in: bytes), reader.take(32) != nil,
      let session = reader.part(lengthBytes: 1, in: bytes), session.rest.count <= 32,
      let suites = reader.part(lengthBytes: 2, in: bytes), suites.rest.count >= 2, suites.rest.count % 2 == 0,
      let compressions = reader.part(lengthBytes: 1, in: bytes), !compressions.isAtEnd
    else { throw .structure }
    bytes.append(session.rest, to: &hello.sessionID)
    if !reader.isAtEnd { try parseExtensions(&reader, in: bytes) }
    // Without the extension, the old field counts (RFC 8446 section 4.2.1).
    if !hasVersions { hello.offersTLS12 = version >= 0x0303 }
    return hello
  }

  private mutating func parseExtensions(
    _ reader: inout ByteReader, in bytes: Span<UInt8>
  ) throws(ClientHelloError) {
    guard var list = reader.part(lengthBytes: 2, in: bytes), reader.isAtEnd else { throw .structure }
    while !list.isAtEnd {
      guard let type = list.number(2, in: bytes), let body = list.part(lengthBytes: 2, in: bytes) else {
        throw .structure
      }
      if type < 64 {
        guard seen & 1 << UInt64(type) == 0 else { throw .duplicateExtension }
        seen |= 1 << UInt64(type)
      }
      if type == ExtensionType.preSharedKey && !list.isAtEnd { throw .preSharedKey }
      try take(type, body, in: bytes)
    }
  }

  private mutating func take(
    _ type: Int, _ body: ByteReader, in bytes: Span<UInt8>
  ) throws(ClientHelloError) {
    switch type {
    case ExtensionType.serverName: try takeServerName(body, in: bytes)
    case ExtensionType.groups: hello.groups = try Self.numbers(body, lengthBytes: 2, in: bytes)
    case ExtensionType.signatureAlgorithms:
      hello.signatureAlgorithms = try Self.numbers(body, lengthBytes: 2, in: bytes)
    case ExtensionType.alpn: try takeALPN(body, in: bytes)
    case ExtensionType.versions:
      let versions = try Self.numbers(body, lengthBytes: 1, in: bytes)
      hasVersions = true
      hello.offersTLS13 = versions.contains(0x0304)
      hello.offersTLS12 = versions.contains(0x0303)
    case ExtensionType.ticket:
      hello.takesTickets = true
      hello.ticket = TicketName(body.rest, in: bytes)
    case ExtensionType.preSharedKey: try takePreSharedKeys(body, in: bytes)
    default: break
    }
  }

  /// A list of two-byte numbers that fills the extension.
  private static func numbers(
    _ body: ByteReader, lengthBytes: Int, in bytes: Span<UInt8>
  ) throws(ClientHelloError) -> [UInt16] {
    var body = body
    guard var list = body.part(lengthBytes: lengthBytes, in: bytes), body.isAtEnd, !list.isAtEnd,
      list.rest.count % 2 == 0
    else { throw .structure }
    var numbers: [UInt16] = []
    while let number = list.number(2, in: bytes) { numbers.append(UInt16(truncatingIfNeeded: number)) }
    return numbers
  }

  /// One name of the type "host name" (RFC 6066 section 3).
  private mutating func takeServerName(_ body: ByteReader, in bytes: Span<UInt8>) throws(ClientHelloError) {
    var body = body
    guard var list = body.part(lengthBytes: 2, in: bytes), body.isAtEnd, let type = list.number(1, in: bytes),
      let name = list.part(lengthBytes: 2, in: bytes), list.isAtEnd
    else { throw .structure }
    guard type == 0, (1...255).contains(name.rest.count) else { throw .serverName }
    var text: [UInt8] = []
    for index in name.rest {
      let byte = bytes[index]
      guard byte.isLetter || byte.isDigit || [0x2d, 0x2e, 0x5f].contains(byte) else { throw .serverName }
      text.append(byte.lowercased)
    }
    hello.serverName = String(decoding: text, as: UTF8.self)
  }

  private mutating func takeALPN(_ body: ByteReader, in bytes: Span<UInt8>) throws(ClientHelloError) {
    var body = body
    guard var list = body.part(lengthBytes: 2, in: bytes), body.isAtEnd, !list.isAtEnd else {
      throw .structure
    }
    hello.hasALPN = true
    while !list.isAtEnd {
      guard let name = list.part(lengthBytes: 1, in: bytes), !name.isAtEnd else { throw .structure }
      if name.rest.count == 8, bytes.holdsExactly(name.rest.lowerBound, Self.http1) {
        hello.alpnHasHTTP1 = true
      }
    }
  }
  private static let http1 = Array("http/1.1".utf8)

  /// Identities with their ages, then the binders, which only the TLS library can judge.
  private mutating func takePreSharedKeys(
    _ body: ByteReader, in bytes: Span<UInt8>
  ) throws(ClientHelloError) {
    var body = body
    guard var identities = body.part(lengthBytes: 2, in: bytes), !identities.isAtEnd,
      let binders = body.part(lengthBytes: 2, in: bytes), !binders.isAtEnd, body.isAtEnd
    else { throw .structure }
    while !identities.isAtEnd {
      guard let identity = identities.part(lengthBytes: 2, in: bytes), identities.take(4) != nil else {
        throw .structure
      }
      guard hello.pskTickets.count < Self.pskLimit else { continue }
      if let name = TicketName(identity.rest, in: bytes) { hello.pskTickets.append(name) }
    }
  }
}
