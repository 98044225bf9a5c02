/// What a client offers in its first message (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2), read without
/// any crypto. It serves admission and routing; the TLS library judges the handshake itself.
public struct ClientHello: Hashable, Sendable {
  /// The name asked for, in lower case; nil without one.
  public internal(set) var serverName: String?
  public internal(set) var offersTLS13 = false
  public internal(set) var offersTLS12 = false
  /// True exactly when the client sent a list of application protocols.
  public internal(set) var hasALPN = false
  /// True exactly when that list has `http/1.1`.
  public internal(set) var alpnHasHTTP1 = false
  /// Code points of RFC 8446 section 4.2.7, in the client's order.
  public internal(set) var groups: [UInt16] = []
  /// Code points of RFC 8446 section 4.2.3, in the client's order.
  public internal(set) var signatureAlgorithms: [UInt16] = []
  /// 0 to 32 bytes.
  public internal(set) var sessionID: [UInt8] = []
  /// True exactly when the client takes tickets of TLS 1.2.
  public internal(set) var takesTickets = false
  /// The ticket of TLS 1.2 that comes with it.
  public internal(set) var ticket: TicketName?
  /// The tickets of TLS 1.3 (pre-shared keys) that come with it, the first 8.
  public internal(set) var pskTickets: [TicketName] = []

  /// True exactly when a certificate with an ECDSA key will do.
  public var takesECDSA: Bool {
    signatureAlgorithms.contains { [0x0203, 0x0403, 0x0503, 0x0603].contains($0) }
  }
}

/// Why bytes that begin like TLS are no ClientHello.
public enum ClientHelloError: Error, Hashable, Sendable {
  /// A record of another kind, empty or too long, or another message than a ClientHello.
  case record
  /// More than the scanner's limit.
  case tooLong
  /// A length that leads beyond its surroundings, or bytes left over.
  case structure
  case duplicateExtension
  case serverName
  /// The pre-shared keys aren't the last extension (RFC 8446 section 4.2.11).
  case preSharedKey
}
