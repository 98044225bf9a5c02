import COpenSSL
import TLS

/// Certificates for tests, made when first asked for.
struct TestCertificate: Sendable {
  enum Key { case p256, p384, p521, rsa, ed25519 }

  let certificatePEM: String
  let keyPEM: String

  var source: TLSConfiguration.Certificate {
    .init(
      certificate: .text(certificatePEM, name: "test.pem"), key: .text(keyPEM, name: "test.key"))
  }

  /// For localhost.
  static let localhost = make(.p256, names: ["localhost"])
  static let localhostRSA = make(.rsa, names: ["localhost"])
  static let localhostP384 = make(.p384, names: ["localhost"])
  static let localhostP521 = make(.p521, names: ["localhost"])
  static let localhostEd25519 = make(.ed25519, names: ["localhost"])

  /// - Parameter names: DNS names for the extension; with none, `commonName` stands alone.
  /// - Parameter seconds: how long it is valid from now on.
  static func make(
    _ kind: Key, names: [String], commonName: String = "test", seconds: Int = 86400
  ) -> TestCertificate {
    let key = makeKey(kind)
    let certificate = X509_new()
    defer {
      EVP_PKEY_free(key)
      X509_free(certificate)
    }
    X509_set_version(certificate, 2)
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), 1)
    X509_gmtime_adj(X509_getm_notBefore(certificate), -100_000)
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds)
    X509_set_pubkey(certificate, key)
    let subject = X509_get_subject_name(certificate)
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, commonName, -1, -1, 0)
    X509_set_issuer_name(certificate, subject)
    if !names.isEmpty {
      let value = names.map { "DNS:\($0)" }.joined(separator: ",")
      let ext = X509V3_EXT_conf_nid(nil, nil, NID_subject_alt_name, value)
      X509_add_ext(certificate, ext, -1)
      X509_EXTENSION_free(ext)
    }
    precondition(X509_sign(certificate, key, kind == .ed25519 ? nil : EVP_sha256()) > 0)
    return TestCertificate(
      certificatePEM: text { PEM_write_bio_X509($0, certificate) },
      keyPEM: text { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) })
  }

  private static func makeKey(_ kind: Key) -> OpaquePointer? {
    switch kind {
    case .p256: return shim_EVP_EC_gen("P-256")
    case .p384: return shim_EVP_EC_gen("P-384")
    case .p521: return shim_EVP_EC_gen("P-521")
    case .rsa: return shim_EVP_RSA_gen(2048)
    case .ed25519:
      let context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil)
      defer { EVP_PKEY_CTX_free(context) }
      var key: OpaquePointer?
      precondition(EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_keygen(context, &key) == 1)
      return key
    }
  }

  /// Parsed; gone once `body` returns.
  func withObjects<Result>(_ body: (_ certificate: OpaquePointer, _ key: OpaquePointer) -> Result) -> Result {
    let (certificateBIO, keyBIO) = (Self.bio(certificatePEM), Self.bio(keyPEM))
    let certificate = PEM_read_bio_X509(certificateBIO, nil, nil, nil)!
    let key = PEM_read_bio_PrivateKey(keyBIO, nil, nil, nil)!
    defer {
      BIO_free(certificateBIO)
      BIO_free(keyBIO)
      X509_free(certificate)
      EVP_PKEY_free(key)
    }
    return body(certificate, key)
  }

  private static func bio(_ text: String) -> OpaquePointer? {
    let bio = BIO_new(BIO_s_mem())
    let bytes = Array(text.utf8)
    precondition(BIO_write(bio, bytes, Int32(bytes.count)) == Int32(bytes.count))
    return bio
  }

  /// An OCSP response in DER, signed by the certificate itself.
  /// - Parameter seconds: from now until it expires.
  func staple(seconds: Int, status: Int32 = V_OCSP_CERTSTATUS_GOOD) -> [UInt8] {
    withObjects { certificate, key in
      let basic = OCSP_BASICRESP_new()
      let this = X509_gmtime_adj(nil, -100_000)
      let next = X509_gmtime_adj(nil, seconds)
      let id = OCSP_cert_to_id(EVP_sha1(), certificate, certificate)
      defer {
        OCSP_BASICRESP_free(basic)
        ASN1_TIME_free(this)
        ASN1_TIME_free(next)
        OCSP_CERTID_free(id)
      }
      precondition(OCSP_basic_add1_status(basic, id, status, 0, this, this, next) != nil)
      precondition(OCSP_basic_sign(basic, certificate, key, EVP_sha256(), nil, 0) == 1)
      let response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic)
      defer { OCSP_RESPONSE_free(response) }
      var bytes: UnsafeMutablePointer<UInt8>?
      let count = i2d_OCSP_RESPONSE(response, &bytes)
      defer { CRYPTO_free(bytes, nil, 0) }
      return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }
  }

  /// The key, protected by a password.
  var encryptedKeyPEM: String {
    var text = keyPEM
    // The BIO reads the string's own bytes, so it must not outlive them.
    let key = text.withUTF8 { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
      defer { BIO_free(bio) }
      return PEM_read_bio_PrivateKey(bio, nil, nil, nil)
    }
    defer { EVP_PKEY_free(key) }
    return Self.text { PEM_write_bio_PKCS8PrivateKey($0, key, EVP_aes_256_cbc(), "secret", 6, nil, nil) }
  }

  private static func text(_ write: (OpaquePointer?) -> Int32) -> String {
    let bio = BIO_new(BIO_s_mem())
    defer { BIO_free(bio) }
    precondition(write(bio) == 1)
    var bytes: UnsafeMutablePointer<CChar>?
    let count = shim_BIO_get_mem_data(bio, &bytes)
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }
}
