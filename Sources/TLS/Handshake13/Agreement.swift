/// What the server takes of a client's offer: as OpenSSL would in our configuration.
struct Agreement {
  /// Index of a `RecordSuite`.
  let suite: UInt8
  let group: UInt16
  /// The client's share of it.
  let share: UnsafeRawBufferPointer
  let served: ServedCertificates
  /// True exactly when the client is told that its server name was of use (RFC 6066 section 3).
  let acknowledgesName: Bool
  /// Into the configuration's application protocols; nil when the client named none.
  let protocolIndex: Int?

  /// Nil where something isn't for our own handshake: OpenSSL then finds the same, or the alert for it.
  init?(_ offer: Offer, _ context: TLSContext) {
    guard let rules = context.rules, let suite = rules.suite(for: offer.suites),
      let (group, share) = rules.share(for: offer)
    else { return nil }
    self.suite = suite
    self.group = group
    self.share = share
    let named = offer.serverName.flatMap { context.certificates(for: String(decoding: $0, as: UTF8.self)) }
    served = named ?? context.standard
    acknowledgesName = named != nil
    if let protocols = offer.protocols, !context.protocols.isEmpty {
      guard let (index, _) = context.select(from: protocols) else { return nil }
      protocolIndex = index
    } else {
      protocolIndex = nil
    }
  }
}

extension HandshakeRules {
  /// The first of ours that the client has; but ChaCha20 first for a client that has it first, since that has no
  /// AES in hardware.
  fileprivate func suite(for offered: NumberList) -> UInt8? {
    let chaCha: UInt8 = 2
    if suites.contains(chaCha), Self.prefersChaCha(offered), offered.contains(0x1303) { return chaCha }
    return suites.first { offered.contains(RecordSuite(index: $0).suite.id) }
  }

  /// Signals and what is only there to keep servers tolerant (RFC 8701) don't count. To OpenSSL no suite counts that it
  /// doesn't know; here one that nobody has, in the first place, speaks against ChaCha20.
  private static func prefersChaCha(_ offered: NumberList) -> Bool {
    for suite in offered {
      if suite == 0x00ff || suite == 0x5600 || (suite & 0x0f0f == 0x0a0a && suite >> 8 == suite & 0xff) {
        continue
      }
      return suite == 0x1303 || (0xcca8...0xccae).contains(suite)
    }
    return false
  }

  /// The client's first share of a group that is allowed. Nil when that is of another than ours, and when it comes
  /// behind one that the client didn't name as a group, for which there is an alert.
  fileprivate func share(for offer: Offer) -> (group: UInt16, share: UnsafeRawBufferPointer)? {
    guard let shares = offer.shares, let named = offer.groups else { return nil }
    var entries = ByteCursor(shares)
    while let number = entries.number(2), let share = entries.part(2) {
      let group = UInt16(truncatingIfNeeded: number)
      guard named.contains(group) else { return nil }
      guard groups.contains(group) else { continue }
      return group == Self.p256 || group == Self.x25519 ? (group, share) : nil
    }
    return nil
  }
}
