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
    /// An OCSP response for the certificate, in DER, which clients that ask for one get (RFC 6066 section 8).
    public var staple: Source?

    public init(certificate: Source, key: Source, staple: Source? = nil) {
      self.certificate = certificate
      self.key = key
      self.staple = staple
    }
  }

  /// Whose certificates clients may show.
  public struct ClientCertificates: Sendable, Equatable {
    /// Certificates in PEM, each trusted for itself.
    public var authorities: Source
    /// Their lists of those that they have revoked, in PEM; nil looks at none.
    public var revocations: Source?
    /// True exactly when a client without a certificate is refused.
    public var isRequired: Bool

    public init(authorities: Source, revocations: Source? = nil, isRequired: Bool) {
      self.authorities = authorities
      self.revocations = revocations
      self.isRequired = isRequired
    }
  }

  /// Where the keys of session tickets come from.
  public enum Tickets: Sendable, Equatable {
    /// The process makes its own.
    case random
    /// HAProxy's or nginx's files; at least one.
    case files([Source])
    case fleetSecret(Source)
  }

  /// Which code seals and opens the records of a connection once its handshake is over; of a full handshake of TLS 1.2 it
  /// is always OpenSSL.
  public enum RecordLayerChoice: Sendable { case tidegate, openssl }

  /// Which code makes the handshakes of TLS 1.3 and the resumptions of TLS 1.2.
  public enum HandshakeChoice: Sendable { case tidegate, openssl }

  /// At least one. The first is for clients that name no server, or one that we don't know. Clients that do
  /// get the certificates that have the name, ECDSA or RSA by what they can verify.
  public var certificates: [Certificate]
  public var minimumVersion = TLSVersion.tls12
  /// In order of preference (RFC 7301). Empty: the client's wishes aren't looked at.
  public var applicationProtocols = ["http/1.1"]
  /// How long a session can be resumed; seven days at most (RFC 8446 section 4.6.1). Less than a second:
  /// no tickets are given.
  public var ticketLifetime = Duration.seconds(12 * 3600)
  public var tickets = Tickets.random
  public var recordLayer = RecordLayerChoice.openssl
  /// Without effect where the record layer is OpenSSL's. OpenSSL still makes those that have something unusual.
  public var handshake = HandshakeChoice.tidegate
  /// Nil asks clients for none.
  public var clientCertificates: ClientCertificates?
  /// For TLS 1.2, as OpenSSL's cipher lists have them. The default is Mozilla's "intermediate" configuration
  /// without finite-field Diffie-Hellman: forward secret, authenticated encryption only.
  public var ciphers = [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
  ]
  /// For TLS 1.3, by their names in RFC 8446 appendix B.4.
  public var cipherSuites = Self.knownCipherSuites
  /// Of the key exchange, in order of preference.
  public var groups = ["X25519", "P-256", "P-384"]
  /// Of handshakes and of clients' certificates, in order of preference; empty is OpenSSL's choice.
  public var signatureAlgorithms: [String] = []

  static let knownCipherSuites = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
  ]

  public init(certificates: [Certificate]) { self.certificates = certificates }
}

extension TLSConfiguration {
  /// How long a session can be resumed, in whole seconds: what clients are told.
  var ticketSeconds: Int { min(7 * 86400, max(1, Int(ticketLifetime.components.seconds))) }
}
