internal import COpenSSL

/// What others may be told of a connection's TLS, as texts; empty where there is nothing to tell.
public struct TLSTexts: Sendable, Equatable {
  /// `TLSv1.2` or `TLSv1.3`.
  public var version: String
  /// OpenSSL's name, such as `ECDHE-RSA-AES128-GCM-SHA256`.
  public var cipher: String
  public var applicationProtocol: String
  /// As the client sent it.
  public var serverName: String
  public var clientCertificate: ClientCertificate?
  /// What the certificate that the client was shown is signed with, such as `RSA-SHA256`, and its key, such as
  /// `EC256`. Empty in a resumed session, in which none is shown.
  public var signatureAlgorithm = ""
  public var keyAlgorithm = ""
}

extension TLSSession {
  /// Once the handshake is done, and until the record layer takes over.
  public var texts: TLSTexts {
    var texts = TLSTexts(
      version: version == .tls13 ? "TLSv1.3" : "TLSv1.2", cipher: cipherName,
      applicationProtocol: applicationProtocol ?? "", serverName: serverName ?? "",
      clientCertificate: clientCertificate)
    if !isResumed, let shown {
      texts.signatureAlgorithm = text(OBJ_nid2sn(X509_get_signature_nid(shown)))
      texts.keyAlgorithm = keyAlgorithm(of: X509_get0_pubkey(shown))
    }
    return texts
  }

  private var cipherName: String {
    switch openSSL {
    case .some(let session): text(SSL_CIPHER_get_name(SSL_get_current_cipher(session.ssl)))
    case .none: cipherSuite.openSSLName
    }
  }

  /// The certificate that the client was shown; borrowed.
  private var shown: OpaquePointer? {
    switch openSSL {
    case .some(let session): return SSL_get_certificate(session.ssl)
    case .none: break
    }
    switch own {
    case .some(let handshake): return handshake.signer?.certificate.leaf
    case .none: return nil
    }
  }
}

private func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }

/// The kind and its bits.
private func keyAlgorithm(of key: OpaquePointer?) -> String {
  guard let key else { return "" }
  let bits = EVP_PKEY_get_bits(key)
  switch EVP_PKEY_get_base_id(key) {
  case EVP_PKEY_RSA: return "RSA\(bits)"
  case EVP_PKEY_EC: return "EC\(bits)"
  default: return ""
  }
}
