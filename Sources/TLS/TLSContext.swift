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
  private(set) var standard: OpaquePointer
  /// By exact name, and by `*.` and the rest of the name.
  private var named: [String: OpaquePointer] = [:]
  /// Every SSL_CTX, to be freed.
  private var all: [OpaquePointer] = []
  /// In the configuration's order.
  private let certificates: [LoadedCertificate]
  private let clients: ClientAuthorities?
  /// For ticket keys of files; the larger kind's is the library's. Nil where no key wants it.
  let smallTicketCipher: OpaquePointer?
  /// `applicationProtocols` as they go over the wire (RFC 7301 section 3.1).
  private let protocols: [UInt8]

  /// - Parameter ticketKeys: nil gives and takes no tickets.
  public init(
    _ configuration: TLSConfiguration, library: TLSLibrary, ticketKeys: TicketKeys?
  ) throws(TLSError) {
    precondition(!configuration.certificates.isEmpty, "a TLS configuration without certificates")
    let hasTickets = configuration.ticketLifetime >= .seconds(1)
    self.library = library
    self.ticketKeys = hasTickets ? ticketKeys : nil
    self.configuration = configuration
    protocols = configuration.applicationProtocols.flatMap {
      [UInt8(clamping: $0.utf8.count)] + Array($0.utf8)
    }
    try checkAlgorithms(configuration, library)
    certificates = try Self.load(configuration, library)
    hasECDSA = certificates.contains { $0.summary.keyType.hasPrefix("ECDSA") }
    hasRSA = certificates.contains { $0.summary.keyType.hasPrefix("RSA") }
    clients = try configuration.clientCertificates.map { source throws(TLSError) in
      try ClientAuthorities(source, library)
    }
    let groups = CertificateGroups(certificates)
    let first = try makeServerContext(configuration, groups.standard, clients, library)
    standard = first
    all = [first]
    smallTicketCipher =
      self.ticketKeys?.hasSmallKeys == true ? EVP_CIPHER_fetch(library.context, "AES-128-CBC", nil) : nil
    // The object is whole from here on, so deinit frees what has been made when one fails.
    try addNamed(groups, hasTickets)
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

  private func addNamed(_ groups: CertificateGroups, _ hasTickets: Bool) throws(TLSError) {
    var made: [[Int]: OpaquePointer] = [groups.standard.map(\.index): standard]
    for (name, certificates) in groups.byName {
      let indexes = certificates.map(\.index)
      if let context = made[indexes] {
        named[name] = context
        continue
      }
      let context = try makeServerContext(configuration, certificates, clients, library)
      all.append(context)
      made[indexes] = context
      named[name] = context
    }
    for context in all { setCallbacks(context) }
  }

  deinit {
    all.forEach { SSL_CTX_free($0) }
    EVP_CIPHER_free(smallTicketCipher)
  }

  /// What is served, in the configuration's order.
  /// True exactly when some certificate has a key of the kind.
  public let hasECDSA: Bool
  public let hasRSA: Bool

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
  fileprivate func context(for name: String) -> OpaquePointer? {
    let name = name.lowercased()
    if let context = named[name] { return context }
    guard let dot = name.firstIndex(of: ".") else { return nil }
    return named["*" + name[dot...]]
  }

  /// The first of our protocols that the client offers.
  fileprivate func select(from offered: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    var ours = protocols[...]
    while let count = ours.first {
      let wanted = ours.dropFirst().prefix(Int(count))
      var theirs = offered[...]
      while let length = theirs.first {
        let name = theirs.dropFirst().prefix(Int(length))
        if name.elementsEqual(wanted) { return UnsafeBufferPointer(rebasing: name) }
        theirs = theirs.dropFirst(1 + Int(length))
      }
      ours = ours.dropFirst(1 + Int(count))
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
      guard let context = ours.context(for: String(cString: name)) else { return SSL_TLSEXT_ERR_NOACK }
      if context != ours.standard, SSL_set_SSL_CTX(ssl, context) == nil { return SSL_TLSEXT_ERR_NOACK }
      return SSL_TLSEXT_ERR_OK
    }
  }

private let protocolCallback:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
    UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, selected, selectedCount, offered, offeredCount, argument in
    guard let argument, let selected, let selectedCount else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let offered = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
    return Unmanaged<TLSContext>.fromOpaque(argument)._withUnsafeGuaranteedRef { ours in
      guard let name = ours.select(from: offered) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
      selected.pointee = name.baseAddress
      selectedCount.pointee = UInt8(truncatingIfNeeded: name.count)
      return SSL_TLSEXT_ERR_OK
    }
  }
