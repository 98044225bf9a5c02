/// What a resumption of TLS 1.2 is to have: as OpenSSL would have it in our configuration.
struct ResumedSession {
  /// Index of a `RecordSuite`.
  let suite: UInt8
  /// Into the configuration's application protocols; nil when the client named none.
  let protocolIndex: Int?
  /// In TLS 1.2 it is the session's; nil where none was of use to it.
  let serverName: UnsafeRawBufferPointer?

  /// Nil where something isn't for our own handshake: OpenSSL then finds the same, or makes a full handshake, or has the
  /// alert for it.
  init?(_ session: StoredSession, _ offer: Offer, _ context: TLSContext) {
    guard let rules = context.rules, session.hasExtendedMasterSecret,
      session.identity.elementsEqual(context.identity), session.isAlive(context.library.wallTime()),
      let suite = RecordSuite.indexTLS12(of: CipherSuite(id: session.suite)), rules.resumption.allows(suite),
      offer.suites.contains(session.suite), Self.isSame(session.serverName, offer.serverName)
    else { return nil }
    self.suite = suite
    serverName = session.serverName
    if let protocols = offer.protocols, !context.protocols.isEmpty {
      guard let (index, _) = context.select(from: protocols) else { return nil }
      protocolIndex = index
    } else {
      protocolIndex = nil
    }
  }

  /// A session without a name was given where the name was of no use, whatever it was.
  private static func isSame(_ name: UnsafeRawBufferPointer?, _ offered: UnsafeRawBufferPointer?) -> Bool {
    guard let name else { return true }
    guard let offered else { return false }
    return name.count <= 255 && name.elementsEqual(offered)
  }
}
