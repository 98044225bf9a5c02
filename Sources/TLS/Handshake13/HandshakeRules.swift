/// What OpenSSL makes of a configuration, in the numbers of the wire, for handshakes of our own.
struct HandshakeRules {
  /// Indexes of `RecordSuite`, of TLS 1.3, in order of preference.
  let suites: [UInt8]
  /// NamedGroups (RFC 8446 section 4.2.7) that are allowed.
  let groups: [UInt16]
  /// SignatureSchemes, in order of preference.
  let schemes: [UInt16]
  let resumption: ResumptionRules

  static let p256: UInt16 = 23
  static let x25519: UInt16 = 29

  /// OpenSSL is asked, since only it knows what its words mean, what its security level forbids, and what the
  /// machine's own configuration has to say.
  /// - Parameter context: an SSL_CTX that is set up as configured.
  /// - Returns: nil where every handshake is OpenSSL's: as configured, with clients' certificates, or where it has no
  ///   answer.
  init?(_ configuration: TLSConfiguration, asking context: OpaquePointer, _ library: TLSLibrary) {
    guard configuration.handshake == .tidegate, configuration.recordLayer == .tidegate,
      configuration.clientCertificates == nil, let inquiry = RulesInquiry(context, library)
    else { return nil }
    suites = inquiry.suites.compactMap { RecordSuite.index(of: CipherSuite(id: $0)) }
    groups = inquiry.groups
    schemes = inquiry.schemes
    resumption = ResumptionRules(asking: context, library)
  }
}
