internal import COpenSSL

/// What a client has proved to be, by a certificate that one of the listener's authorities vouches for.
public struct ClientCertificate: Sendable, Equatable {
  /// The subject's; nil when it has none.
  public var commonName: String?
  /// True exactly when it was shown in this connection, not in an earlier one whose session was resumed.
  public var isOfThisConnection: Bool
}

extension OpenSSLSession {
  /// Once the handshake is done, and until the record layer takes over; nil when the client showed none.
  var clientCertificate: ClientCertificate? {
    guard let certificate = SSL_get0_peer_certificate(ssl), SSL_get_verify_result(ssl) == X509_V_OK else {
      return nil
    }
    return ClientCertificate(
      commonName: subjectCommonName(of: certificate), isOfThisConnection: SSL_session_reused(ssl) == 0)
  }
}

/// As UTF-8, whatever kind of string the certificate has it in.
private func subjectCommonName(of certificate: OpaquePointer) -> String? {
  let subject = X509_get_subject_name(certificate)
  let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
  guard index >= 0, let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)) else {
    return nil
  }
  var text: UnsafeMutablePointer<UInt8>?
  let count = ASN1_STRING_to_UTF8(&text, value)
  guard count >= 0, let text else {
    ERR_clear_error()
    return nil
  }
  defer { CRYPTO_free(text, nil, 0) }
  return String(decoding: UnsafeBufferPointer(start: text, count: Int(count)), as: UTF8.self)
}
