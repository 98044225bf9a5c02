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
