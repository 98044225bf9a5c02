/// What is known of a connection's handshake before any crypto: as much as decides its cost.
public enum HandshakeClass: Int, CaseIterable, Hashable, Sendable {
  /// Plain text: no handshake.
  case plain
  case tls12Resumed
  case tls13Resumed
  case tls12ECDSA
  case tls13ECDSA
  case tls12RSA
  case tls13RSA

  public enum Version: Sendable { case tls12, tls13 }
  public enum Certificate: Sendable { case ecdsa, rsa }

  /// The kinds of a listener's certificates.
  public struct Certificates: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let ecdsa = Certificates(rawValue: 1)
    /// And all that cost as much.
    public static let rsa = Certificates(rawValue: 2)
  }

  /// - Parameter isResumed: true exactly when the client brought a ticket under a live key of ours.
  public init(_ version: Version, _ certificate: Certificate, isResumed: Bool) {
    self =
      switch (version, certificate, isResumed) {
      case (.tls12, _, true): .tls12Resumed
      case (.tls13, _, true): .tls13Resumed
      case (.tls12, .ecdsa, false): .tls12ECDSA
      case (.tls13, .ecdsa, false): .tls13ECDSA
      case (.tls12, .rsa, false): .tls12RSA
      case (.tls13, .rsa, false): .tls13RSA
      }
  }

  /// True exactly when a TLS listener with such certificates may have handshakes of this class.
  func comes(of certificates: Certificates) -> Bool {
    switch self {
    case .plain: false
    case .tls12Resumed, .tls13Resumed: true
    case .tls12ECDSA, .tls13ECDSA: certificates.contains(.ecdsa)
    case .tls12RSA, .tls13RSA: certificates.contains(.rsa)
    }
  }

  /// How many classes there are.
  public static var count: Int { 7 }

  /// All classes, without the array that `allCases` makes.
  static var each: Each { Each() }

  struct Each: Sequence, IteratorProtocol {
    private var rawValue = 0
    mutating func next() -> HandshakeClass? {
      defer { rawValue += 1 }
      return HandshakeClass(rawValue: rawValue)
    }
  }

  /// Microseconds of CPU to begin with, as measured with OpenSSL alone in memory (P-256, RSA-2048). The full
  /// ones of TLS 1.2 do the same public-key work with less around it.
  var initialMicroseconds: Double {
    switch self {
    case .plain: 0
    case .tls12Resumed: 35
    case .tls13Resumed: 150
    case .tls12ECDSA: 160
    case .tls13ECDSA: 170
    case .tls12RSA: 360
    case .tls13RSA: 370
    }
  }
}
