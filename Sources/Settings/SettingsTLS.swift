extension Settings {
  /// How a listener speaks TLS.
  public struct TLS: Sendable, Equatable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    public enum Version: String, Sendable, CaseIterable { case tls12 = "1.2", tls13 = "1.3" }
    /// Which code seals and opens the records of a connection once its handshake is over.
    public enum RecordLayer: String, Sendable, CaseIterable { case tidegate, openssl }
    /// Which code makes TLS 1.3's handshakes and TLS 1.2's resumptions, where the record layer is `tidegate`.
    public enum Handshake: String, Sendable, CaseIterable { case tidegate, openssl }
    /// Whether a client without a certificate is served.
    public enum ClientCertificates: String, Sendable, CaseIterable { case required, optional }

    public struct Certificate: Sendable, Equatable {
      /// Paths of PEM files; relative ones are relative to the configuration file.
      public var certificate: String
      public var key: String
      /// The path of an OCSP response in DER, to be stapled; nil staples none.
      public var ocsp: Located? = nil
      public var location: SourceLocation
      public init(certificate: String, key: String, location: SourceLocation) {
        self.certificate = certificate
        self.key = key
        self.location = location
      }
    }

    /// Session tickets. Without files and without a secret the process makes keys of its own.
    public struct Tickets: Sendable, Equatable {
      /// How long a session can be resumed.
      public var lifetime = Duration.seconds(12 * 3600)
      /// Paths of files of keys: one of HAProxy's form, or nginx's, one for each key.
      public var keys: [Located] = []
      /// The path of what the instances of a fleet derive their keys from. Never together with `keys`.
      public var fleetSecret: Located? = nil
      public init() {}
    }

    /// At least one. The first is the default, for clients that name no server or an unknown one.
    public var certificates: [Certificate]
    public var minimumVersion = Version.tls12
    public var recordLayer = RecordLayer.tidegate
    public var handshake = Handshake.tidegate
    public var tickets = Tickets()
    /// The path of those whose certificates clients may show, in PEM; nil asks clients for none.
    public var clientCA: Located? = nil
    /// The path of the lists of those whose certificates have been revoked, in PEM; without `clientCA` always nil.
    public var clientCRL: Located? = nil
    /// Nil is `required`; without `clientCA` always nil.
    public var clientCertificates: ClientCertificates? = nil
    // Names of algorithms, in order of preference; empty is the default.
    /// Of TLS 1.2, OpenSSL's names or its notation for whole lists.
    public var ciphers: [Located] = []
    /// Of TLS 1.3.
    public var cipherSuites: [Located] = []
    public var groups: [Located] = []
    public var signatureAlgorithms: [Located] = []

    public init(certificates: [Certificate]) { self.certificates = certificates }
  }
}
