internal import COpenSSL

/// The application traffic secrets of one connection (RFC 8446 section 7.1), from when OpenSSL derives them
/// until the record layer has taken them over. Wiped by whoever holds them.
struct TrafficSecrets {
  /// The longest hash of our cipher suites: SHA-384.
  static let capacity = 48

  typealias Secret = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  var client: Secret = (0, 0, 0, 0, 0, 0)
  var server: Secret = (0, 0, 0, 0, 0, 0)
  /// Bytes of each; 0 until it is known.
  var clientCount: UInt8 = 0
  var serverCount: UInt8 = 0

  mutating func wipe() {
    withUnsafeMutableBytes(of: &self) { OPENSSL_cleanse($0.baseAddress, $0.count) }
  }
}
