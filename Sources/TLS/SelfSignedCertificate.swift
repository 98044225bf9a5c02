internal import Basics
internal import COpenSSL

/// A certificate for trying things out: P-256, signed by itself, valid from an hour ago for 30 days.
public struct SelfSignedCertificate: Sendable {
  public let certificatePEM: String
  public let keyPEM: String

  /// - Parameter names: DNS names and IP addresses; the first is the common name too. At least one.
  public static func make(names: [String]) throws(TLSError) -> SelfSignedCertificate {
    guard let key = shim_EVP_EC_gen("P-256") else { throw .library("make a P-256 key") }
    defer { EVP_PKEY_free(key) }
    guard let certificate = X509_new() else { throw .library("make a certificate") }
    defer { X509_free(certificate) }
    guard fill(certificate, key, names), X509_sign(certificate, key, EVP_sha256()) > 0 else {
      throw .library("make a certificate")
    }
    guard let certificatePEM = text({ PEM_write_bio_X509($0, certificate) }),
      let keyPEM = text({ PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) })
    else { throw .library("write PEM") }
    return SelfSignedCertificate(certificatePEM: certificatePEM, keyPEM: keyPEM)
  }

  private static func fill(_ certificate: OpaquePointer, _ key: OpaquePointer, _ names: [String]) -> Bool {
    var serial: UInt64 = 0
    let hasSerial = withUnsafeMutableBytes(of: &serial) {
      RAND_bytes($0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count)) == 1
    }
    let subject = X509_get_subject_name(certificate)
    let name = Array((names.first ?? "localhost").utf8.prefix(64))
    // RFC 5280 section 4.1.2.2: a positive number.
    return hasSerial && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1
      && X509_set_version(certificate, 2) == 1
      && X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != nil
      && X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * 86400) != nil
      && X509_set_pubkey(certificate, key) == 1
      && X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, Int32(name.count), -1, 0) == 1
      && X509_set_issuer_name(certificate, subject) == 1
      && addAlternativeNames(certificate, names)
  }

  private static func addAlternativeNames(_ certificate: OpaquePointer, _ names: [String]) -> Bool {
    guard let stack = OPENSSL_sk_new_null() else { return false }
    defer { GENERAL_NAMES_free(stack) }
    for name in names {
      guard let item = generalName(name) else { return false }
      guard OPENSSL_sk_push(stack, item) > 0 else {
        GENERAL_NAME_free(item)
        return false
      }
    }
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, UnsafeMutableRawPointer(stack), 0, 0) == 1
  }

  /// An address becomes an iPAddress of 4 or 16 bytes, anything else a dNSName (RFC 5280 section 4.2.1.6).
  private static func generalName(_ name: String) -> UnsafeMutablePointer<GENERAL_NAME>? {
    let address = IPAddress(name)
    let bytes = address.map(bytes(of:)) ?? Array(name.utf8)
    guard let item = GENERAL_NAME_new() else { return nil }
    let kind = address == nil ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING
    guard let string = ASN1_STRING_type_new(kind), ASN1_STRING_set(string, bytes, Int32(bytes.count)) == 1
    else {
      GENERAL_NAME_free(item)
      return nil
    }
    GENERAL_NAME_set0_value(item, address == nil ? GEN_DNS : GEN_IPADD, string)
    return item
  }

  private static func bytes(of address: IPAddress) -> [UInt8] {
    if address.isIPv4 { return withUnsafeBytes(of: address.ipv4.bigEndian, Array.init) }
    return withUnsafeBytes(of: address.high.bigEndian, Array.init)
      + withUnsafeBytes(of: address.low.bigEndian, Array.init)
  }

  /// What `write` puts into a BIO.
  private static func text(_ write: (OpaquePointer) -> Int32) -> String? {
    guard let bio = BIO_new(BIO_s_mem()) else { return nil }
    defer { BIO_free(bio) }
    var bytes: UnsafeMutablePointer<CChar>?
    guard write(bio) == 1 else { return nil }
    let count = shim_BIO_get_mem_data(bio, &bytes)
    guard let bytes, count > 0 else { return nil }
    return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
      String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }
}
