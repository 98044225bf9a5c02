/// A configuration in the numbers of the wire, for handshakes of our own.
struct HandshakeRules {
  /// Indexes of `RecordSuite`, in order of preference.
  let suites: [UInt8]
  /// NamedGroups (RFC 8446 section 4.2.7) that are allowed.
  let groups: [UInt16]
  /// SignatureSchemes, in order of preference.
  let schemes: [UInt16]

  static let p256: UInt16 = 23
  static let x25519: UInt16 = 29

  private static let groupNames: [String: UInt16] = [
    "X25519": x25519, "P-256": p256, "P-384": 24, "P-521": 25, "X448": 30,
  ]

  /// Nil where every handshake is OpenSSL's: as configured, with clients' certificates, or where a word of the
  /// configuration is in a notation that only OpenSSL understands.
  init?(_ configuration: TLSConfiguration) {
    guard configuration.handshake == .tidegate, configuration.recordLayer == .tidegate,
      configuration.clientCertificates == nil
    else { return nil }
    let groups = configuration.groups.map { Self.groupNames[$0] }
    let schemes = configuration.signatureAlgorithms.map { SignatureScheme.names[$0] }
    guard !groups.contains(nil), !schemes.contains(nil) else { return nil }
    self.groups = groups.compactMap(\.self)
    self.schemes = schemes.isEmpty ? SignatureScheme.standard : schemes.compactMap(\.self)
    suites = configuration.cipherSuites.compactMap { name in
      (0..<UInt8(RecordSuite.allCount)).first { RecordSuite(index: $0).suite.description == name }
    }
  }
}
