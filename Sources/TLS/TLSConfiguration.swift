/// The versions of TLS that we speak.
public enum TLSVersion: UInt8, Sendable, Comparable {
  case tls12 = 2
  case tls13 = 3

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// What a listener's TLS is set up with: plain values.
public struct TLSConfiguration: Sendable, Equatable {
  /// Where PEM text is.
  public enum Source: Sendable, Equatable {
    case file(String)
    /// The text itself, and what to call it in messages.
    case text(String, name: String)

    var name: String {
      switch self {
      case .file(let path): path
      case .text(_, let name): name
      }
    }
  }

  public struct Certificate: Sendable, Equatable {
    /// The certificate, then its chain if there is one.
    public var certificate: Source
    public var key: Source

    public init(certificate: Source, key: Source) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// Which code seals and opens the records of a TLS 1.3 connection once its handshake is over.
  public enum RecordLayerChoice: Sendable { case tidegate, openssl }

  /// At least one. The first is for clients that name no server, or one that we don't know. Clients that do
  /// get the certificates that have the name, ECDSA or RSA by what they can verify.
  public var certificates: [Certificate]
  public var minimumVersion = TLSVersion.tls12
  /// In order of preference (RFC 7301). Empty: the client's wishes aren't looked at.
  public var applicationProtocols = ["http/1.1"]
  /// How long a session can be resumed; seven days at most (RFC 8446 section 4.6.1). Less than a second:
  /// no tickets are given.
  public var ticketLifetime = Duration.seconds(12 * 3600)
  public var recordLayer = RecordLayerChoice.openssl

  public init(certificates: [Certificate]) { self.certificates = certificates }

  /// Loads everything without serving.
  /// - Returns: each problem found, one at most for a certificate; empty when it can be served.
  public func problems() -> [TLSError] {
    do {
      let library = try TLSLibrary()
      var problems: [TLSError] = []
      for (index, certificate) in certificates.enumerated() {
        do {
          _ = try LoadedCertificate(certificate, index: index, library: library)
        } catch {
          problems.append(error)
        }
      }
      if problems.isEmpty { _ = try TLSContext(self, library: library, ticketKeys: nil) }
      return problems
    } catch {
      return [error]
    }
  }
}
