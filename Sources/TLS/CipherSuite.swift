/// A cipher suite by its IANA number.
public struct CipherSuite: Hashable, Sendable {
  public let id: UInt16

  public init(id: UInt16) { self.id = id }

  public static let aes128GCM = CipherSuite(id: 0x1301)
  public static let aes256GCM = CipherSuite(id: 0x1302)
  public static let chaCha20Poly1305 = CipherSuite(id: 0x1303)
}

extension CipherSuite {
  /// OpenSSL's name. Of TLS 1.3's suites it is the usual one.
  var openSSLName: String {
    switch id {
    case 0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256"
    case 0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384"
    case 0xc02f: "ECDHE-RSA-AES128-GCM-SHA256"
    case 0xc030: "ECDHE-RSA-AES256-GCM-SHA384"
    case 0xcca8: "ECDHE-RSA-CHACHA20-POLY1305"
    case 0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305"
    default: description
    }
  }
}

extension CipherSuite: CustomStringConvertible {
  /// The IANA name; a constant, so that it costs nothing to log.
  public var description: String {
    switch id {
    case 0x1301: "TLS_AES_128_GCM_SHA256"
    case 0x1302: "TLS_AES_256_GCM_SHA384"
    case 0x1303: "TLS_CHACHA20_POLY1305_SHA256"
    case 0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    case 0xc02c: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    case 0xc02f: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    case 0xc030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    case 0xcca8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    case 0xcca9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    default: "unknown"
    }
  }
}
