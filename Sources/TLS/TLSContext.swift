internal import COpenSSL
internal import Basics

/// A listener's TLS on one worker: its certificates by server name, its rules, its ticket keys.
///
/// Belongs to its library's thread. A reload makes a new one; sessions keep theirs alive.
public final class TLSContext {
  let library: TLSLibrary
  /// Nil where no tickets are given and taken.
  public let ticketKeys: TicketKeys?
  let configuration: TLSConfiguration
  /// For clients that name no server, or none that we know; new sessions start with it.
  let standard: ServedCertificates
  /// By exact name, and by `*.` and the rest of the name.
  private var named: [String: ServedCertificates] = [:]
  /// Nil where no handshake is ours.
  let rules: HandshakeRules?
  /// What sessions of OpenSSL's are bound to.
  let identity: [UInt8]
  /// In the configuration's order.
  private let certificates: [LoadedCertificate]
  private let clients: ClientAuthorities?
  /// For ticket keys of files; the larger kind's is the library's. Nil where no key wants it.
  let smallTicketCipher: OpaquePointer?
  /// `applicationProtocols` as they go over the wire (RFC 7301 section 3.1), without their lengths.
  let protocols: [[UInt8]]

  /// - Parameter ticketKeys: nil gives and takes no tickets.
  public init(
    _ configuration: TLSConfiguration, library: TLSLibrary, ticketKeys: TicketKeys?
  ) throws(TLSError) {
    precondition(!configuration.certificates.isEmpty, "a TLS configuration without certificates")
    let hasTickets = configuration.ticketLifetime >= .seconds(1)
    self.library = library
    self.ticketKeys = hasTickets ? ticketKeys : nil
    self.configuration = configuration
    protocols = configuration.applicationProtocols.map { Array($0.utf8.prefix(255)) }
    try checkAlgorithms(configuration, library)
    certificates = try Self.load(configuration, library)
    hasECDSA = certificates.contains { $0.summary.keyType.hasPrefix("ECDSA") }
    hasRSA = certificates.contains { $0.summary.keyType.hasPrefix("RSA") }
    clients = try configuration.clientCertificates.map { source throws(TLSError) in
      try ClientAuthorities(source, library)
    }
    let groups = CertificateGroups(certificates)
    let (clients, identity) = (clients, sessionIdentity(of: certificates))
    self.identity = identity
    let first = try makeServerContext(configuration, groups.standard, clients, identity: identity, library)
    rules = HandshakeRules(configuration, asking: first, library)
    let schemes = rules?.schemes ?? []
    standard = ServedCertificates(first, groups.standard, schemes: schemes, library: library)
    func serve(_ certificates: [LoadedCertificate]) throws(TLSError) -> ServedCertificates {
      ServedCertificates(
        try makeServerContext(configuration, certificates, clients, identity: identity, library),
        certificates,
        schemes: schemes, library: library)
    }
    smallTicketCipher =
      self.ticketKeys?.hasSmallKeys == true ? EVP_CIPHER_fetch(library.context, "AES-128-CBC", nil) : nil
    // The object is whole from here on, so deinit frees what has been made when one fails.
    try addNamed(groups, serve)
  }

  private static func load(
    _ configuration: TLSConfiguration, _ library: TLSLibrary
  ) throws(TLSError) -> [LoadedCertificate] {
    var certificates: [LoadedCertificate] = []
    for (index, source) in configuration.certificates.enumerated() {
      certificates.append(try LoadedCertificate(source, index: index, library: library))
    }
    return certificates
  }

  private func addNamed(
    _ groups: CertificateGroups, _ serve: ([LoadedCertificate]) throws(TLSError) -> ServedCertificates
  ) throws(TLSError) {
    var made: [[Int]: ServedCertificates] = [groups.standard.map(\.index): standard]
    for (name, certificates) in groups.byName {
      let indexes = certificates.map(\.index)
      if made[indexes] == nil { made[indexes] = try serve(certificates) }
      named[name] = made[indexes]
    }
    for served in made.values { setCallbacks(served.context) }
  }

  deinit { EVP_CIPHER_free(smallTicketCipher) }

  /// True exactly when some certificate has a key of the kind.
  public let hasECDSA: Bool
  public let hasRSA: Bool

  /// What is served, in the configuration's order.
  public var certificateSummaries: [CertificateSummary] { certificates.map(\.summary) }

  /// What is to be stapled to a certificate of one of our SSL_CTXs.
  func staple(for leaf: OpaquePointer) -> Staple? { certificates.first { $0.leaf == leaf }?.staple }

  private func setCallbacks(_ context: OpaquePointer) {
    let ourselves = Unmanaged.passUnretained(self).toOpaque()
    if named.count > 0 {
      shim_SSL_CTX_set_tlsext_servername_callback(context, serverNameCallback, ourselves)
    }
    if !protocols.isEmpty { SSL_CTX_set_alpn_select_cb(context, protocolCallback, ourselves) }
    if certificates.contains(where: { $0.staple != nil }) {
      shim_SSL_CTX_set_tlsext_status_callback(context, stapleCallback, ourselves)
    }
    _ = SSL_CTX_set_generate_session_id(context, sessionNameCallback)
    if ticketKeys != nil {
      SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticketCallback)
    } else {
      _ = SSL_CTX_set_options(context, shim_SSL_OP_NO_TICKET())
      _ = SSL_CTX_set_num_tickets(context, 0)
    }
  }

  /// The certificates for a name: exactly it, or the wildcard that covers it (RFC 6125 section 6.4.3).
  func certificates(for name: String) -> ServedCertificates? {
    guard !named.isEmpty else { return nil }
    let name = name.lowercased()
    if let served = named[name] { return served }
    guard let dot = name.firstIndex(of: ".") else { return nil }
    return named["*" + name[dot...]]
  }

  /// The first of our protocols that the client offers, and where it stands in the offer.
  /// - Parameter offered: names, each with a byte of length before it.
  func select(from offered: UnsafeRawBufferPointer) -> (index: Int, name: UnsafeRawBufferPointer)? {
    for (index, wanted) in protocols.enumerated() {
      var theirs = ByteCursor(offered)
      while let name = theirs.part(1) {
        if name.elementsEqual(wanted) { return (index, name) }
      }
    }
    return nil
  }
}

private let serverNameCallback:
  @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = {
    ssl, _, argument in
    guard let argument, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
      return SSL_TLSEXT_ERR_NOACK
    }
    return Unmanaged<TLSContext>.fromOpaque(argument)._withUnsafeGuaranteedRef { ours in
      guard let served = ours.certificates(for: String(cString: name)) else { return SSL_TLSEXT_ERR_NOACK }
      if served !== ours.standard, SSL_set_SSL_CTX(ssl, served.context) == nil { return SSL_TLSEXT_ERR_NOACK }
      return SSL_TLSEXT_ERR_OK
    }
  }

private let protocolCallback:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
    UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, selected, selectedCount, offered, offeredCount, argument in
    guard let argument, let selected, let selectedCount else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let offered = UnsafeRawBufferPointer(start: offered, count: Int(offeredCount))
    return Unmanaged<TLSContext>.fromOpaque(argument)._withUnsafeGuaranteedRef { ours in
      guard let (_, name) = ours.select(from: offered) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
      selected.pointee = name.octets
      selectedCount.pointee = UInt8(truncatingIfNeeded: name.count)
      return SSL_TLSEXT_ERR_OK
    }
  }
