internal import COpenSSL

/// A certificate and its chain as they go to clients (RFC 8446 section 4.4.2): the whole message, made once.
struct CertificateMessage {
  /// Longer ones would need several records: they are OpenSSL's.
  private static let limit = 12000

  /// Borrowed of the context's certificates, like what is made of it.
  let leaf: OpaquePointer
  private let plain: [UInt8]
  private let staple: Staple?
  /// With the OCSP response beside the certificate (section 4.4.2.1).
  private let stapled: [UInt8]
  /// Bytes of the longest form.
  var longest: Int { max(plain.count, stapled.count) }

  /// Nil when it is longer than the limit, or OpenSSL fails.
  init?(_ certificate: LoadedCertificate) {
    let all = ([certificate.leaf] + certificate.chain).map(encoding)
    guard all.allSatisfy({ !$0.isEmpty }) else { return nil }
    leaf = certificate.leaf
    plain = Self.message(all, nil)
    staple = certificate.staple
    stapled = staple.map { Self.message(all, $0.bytes) } ?? []
    guard longest <= Self.limit else { return nil }
  }

  /// - Parameter wantsStaple: whether the client asks for one.
  func bytes(wantsStaple: Bool, _ now: WallTime) -> [UInt8] {
    guard wantsStaple, let staple, staple.isCurrent(now) else { return plain }
    return stapled
  }

  private static func message(_ certificates: [[UInt8]], _ staple: [UInt8]?) -> [UInt8] {
    var entries: [UInt8] = []
    for (index, certificate) in certificates.enumerated() {
      let response = index == 0 ? staple : nil
      entries += prefixed(certificate, 3) + prefixed(response.map(stapleExtension) ?? [], 2)
    }
    return [HandshakeType.certificate] + prefixed([0] + prefixed(entries, 3), 3)
  }

  private static func stapleExtension(_ response: [UInt8]) -> [UInt8] {
    [0, UInt8(ExtensionType.statusRequest)] + prefixed([1] + prefixed(response, 3), 2)
  }
}

/// Bytes with their length before them, for messages that are made once.
func prefixed(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] {
  (0..<lengthBytes).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * (lengthBytes - 1 - $0))) } + bytes
}

/// DER; empty when OpenSSL fails.
private func encoding(_ certificate: OpaquePointer) -> [UInt8] {
  var bytes: UnsafeMutablePointer<UInt8>?
  let count = i2d_X509(certificate, &bytes)
  guard count > 0, let bytes else {
    ERR_clear_error()
    return []
  }
  defer { CRYPTO_free(bytes, nil, 0) }
  return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
}
