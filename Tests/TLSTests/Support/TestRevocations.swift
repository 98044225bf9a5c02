import COpenSSL
import TLS

extension TestCertificate {
  /// A list in PEM of what this certificate, as an authority, has revoked.
  /// - Parameters:
  ///   - serials: the numbers of the revoked.
  ///   - from: seconds from now until it is valid, and until it expires.
  ///   - signer: whose key signs it; nil is its own.
  func revocations(
    _ serials: [UInt64], from: Int = -1000, until: Int = 1000, signer: TestCertificate? = nil
  ) -> String {
    let list = X509_CRL_new()
    let (last, next) = (X509_gmtime_adj(nil, from), X509_gmtime_adj(nil, until))
    let bio = BIO_new(BIO_s_mem())
    defer {
      X509_CRL_free(list)
      ASN1_TIME_free(last)
      ASN1_TIME_free(next)
      BIO_free(bio)
    }
    X509_CRL_set_version(list, 1)
    withObjects { certificate, _ in _ = X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate)) }
    X509_CRL_set1_lastUpdate(list, last)
    X509_CRL_set1_nextUpdate(list, next)
    for serial in serials {
      let (entry, number) = (X509_REVOKED_new(), ASN1_INTEGER_new())
      ASN1_INTEGER_set_uint64(number, serial)
      X509_REVOKED_set_serialNumber(entry, number)
      X509_REVOKED_set_revocationDate(entry, last)
      ASN1_INTEGER_free(number)
      X509_CRL_add0_revoked(list, entry)
    }
    (signer ?? self).withObjects { _, key in _ = X509_CRL_sign(list, key, EVP_sha256()) }
    precondition(PEM_write_bio_X509_CRL(bio, list) == 1)
    var bytes: UnsafeMutablePointer<CChar>?
    let count = shim_BIO_get_mem_data(bio, &bytes)
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }
}
