internal import COpenSSL
internal import Glibc

/// A certificate that is served, for people and monitors to look at.
public struct CertificateSummary: Sendable, Equatable {
  /// The file, as the configuration has it.
  public var source: String
  /// DNS names that it is for, lower case; the common name where it has none.
  public var names: [String]
  /// Such as `RSA 2048` or `ECDSA P-256`.
  public var keyType: String
  public var notBefore: WallTime
  public var notAfter: WallTime

  /// Nil when there is nothing to be said about its dates.
  func warning(_ now: WallTime) -> String? {
    if notAfter < now { return "the certificate expired on \(notAfter.text)" }
    if now < notBefore { return "the certificate is not valid before \(notBefore.text)" }
    let notice = TLSConfiguration.expiryNotice
    return notAfter < now + notice ? "the certificate expires on \(notAfter.text)" : nil
  }
}

extension LoadedCertificate {
  var summary: CertificateSummary {
    CertificateSummary(
      source: source, names: names, keyType: keyTypeName,
      notBefore: WallTime(X509_get0_notBefore(leaf)) ?? WallTime(seconds: .min),
      notAfter: WallTime(X509_get0_notAfter(leaf)) ?? WallTime(seconds: .max))
  }

  private var keyTypeName: String {
    switch keyType {
    case EVP_PKEY_RSA: return "RSA \(EVP_PKEY_get_bits(key))"
    case EVP_PKEY_EC:
      var name = [CChar](repeating: 0, count: 32)
      guard EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { return "ECDSA" }
      let curve = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let nist = ["prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"]
      return "ECDSA \(nist[curve] ?? curve)"
    default: return OBJ_nid2sn(keyType).map { String(cString: $0) } ?? "unknown"
    }
  }
}

extension WallTime {
  /// What an ASN.1 time says; nil when it isn't one.
  init?(_ time: UnsafePointer<ASN1_TIME>?) {
    var parts = tm()
    guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else {
      ERR_clear_error()
      return nil
    }
    self.init(seconds: Int64(timegm(&parts)))
  }

  /// RFC 3339 in UTC: `2026-11-25T02:23:16Z`.
  var text: String {
    var (time, parts) = (time_t(seconds), tm())
    var text = [CChar](repeating: 0, count: 32)
    guard gmtime_r(&time, &parts) != nil, strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0 else {
      return "an unknown time"
    }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
