public import Settings
internal import TLS

// Settings in TLS's terms, and TLS's complaints in the file's.

extension TLSConfiguration {
  init(_ tls: Settings.TLS, _ mode: Settings.Listener.Mode) {
    self.init(
      certificates: tls.certificates.map {
        Certificate(
          certificate: .file($0.certificate), key: .file($0.key), staple: $0.ocsp.map { .file($0.text) })
      })
    minimumVersion = tls.minimumVersion == .tls13 ? .tls13 : .tls12
    recordLayer = tls.recordLayer == .openssl ? .openssl : .tidegate
    handshake = tls.handshake == .openssl ? .openssl : .tidegate
    ticketLifetime = tls.tickets.lifetime
    if let secret = tls.tickets.fleetSecret {
      tickets = .fleetSecret(.file(secret.text))
    } else if !tls.tickets.keys.isEmpty {
      tickets = .files(tls.tickets.keys.map { .file($0.text) })
    }
    clientCertificates = tls.clientCA.map {
      ClientCertificates(
        authorities: .file($0.text), revocations: tls.clientCRL.map { .file($0.text) },
        isRequired: tls.clientCertificates != .optional)
    }
    set(tls.ciphers, \.ciphers)
    set(tls.cipherSuites, \.cipherSuites)
    set(tls.groups, \.groups)
    set(tls.signatureAlgorithms, \.signatureAlgorithms)
    // Any protocol may go through `mode: tcp`; which one is between client and backend.
    if mode == .tcp { applicationProtocols = [] }
  }

  /// No names are the default.
  private mutating func set(_ names: [Settings.Located], _ path: WritableKeyPath<Self, [String]>) {
    if !names.isEmpty { self[keyPath: path] = names.map(\.text) }
  }
}

extension Settings.TLS {
  /// Where in the file something stands that TLS has to say something about.
  fileprivate func location(of subject: TLSError.Subject) -> SourceLocation? {
    switch subject {
    case .certificate(let index): certificates[index].location
    case .staple(let index): certificates[index].ocsp?.location
    case .ticketKeys(let index): tickets.keys[index].location
    case .fleetSecret: tickets.fleetSecret?.location
    case .clientCertificateAuthorities: clientCA?.location
    case .clientRevocations: clientCRL?.location
    case .ciphers(let index): ciphers.dropFirst(index).first?.location
    case .cipherSuites(let index): cipherSuites.dropFirst(index).first?.location
    case .groups(let index): groups.dropFirst(index).first?.location
    case .signatureAlgorithms(let index): signatureAlgorithms.dropFirst(index).first?.location
    }
  }
}

extension ProxyError {
  init(_ error: TLSError, _ tls: Settings.TLS) {
    self.init(error.description, at: error.subject.flatMap { tls.location(of: $0) })
  }
}

/// Loads what settings refer to without serving: for `tidegate check`.
/// - Returns: each problem found.
public func verify(_ settings: Settings) -> [ProxyError] {
  settings.listeners.flatMap { listener in
    guard let tls = listener.tls else { return [ProxyError]() }
    return TLSConfiguration(tls, listener.mode).problems().map { ProxyError($0, tls) }
  }
}

/// What keeps nobody from serving these settings now and should be seen to all the same: certificates that
/// have expired or soon will, secrets that everybody can read. Reads the files.
/// - Returns: a line each, with its place in the configuration; what can't be loaded is left to `verify`.
public func warnings(_ settings: Settings) -> [ProxyError] {
  settings.listeners.flatMap { listener in
    guard let tls = listener.tls else { return [ProxyError]() }
    return TLSConfiguration(tls, listener.mode).warnings(now: .current()).map {
      ProxyError($0.description, at: tls.location(of: $0.subject))
    }
  }
}
