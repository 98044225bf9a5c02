internal import COpenSSL

/// Whose certificates clients may or must show.
final class ClientAuthorities {
  private let certificates: [OpaquePointer]
  private let revocations: RevocationLists?
  private let store: OpaquePointer
  private let isRequired: Bool

  init(_ source: TLSConfiguration.ClientCertificates, _ library: TLSLibrary) throws(TLSError) {
    isRequired = source.isRequired
    guard let store = X509_STORE_new() else { throw .library("make a store of certificates") }
    self.store = store
    let certificates: [OpaquePointer]
    do throws(TLSError) {
      certificates = try LoadedCertificate.readCertificates(source.authorities, library)
    } catch {
      X509_STORE_free(store)
      throw error.about(.clientCertificateAuthorities)
    }
    self.certificates = certificates
    do throws(TLSError) {
      revocations = try source.revocations.map { source throws(TLSError) in
        try RevocationLists(source, of: certificates, library)
      }
    } catch {
      certificates.forEach { X509_free($0) }
      X509_STORE_free(store)
      throw error.about(.clientRevocations)
    }
    // Whoever is named in the file is trusted, also where its own issuer isn't in it.
    _ = X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    for certificate in certificates {
      guard X509_STORE_add_cert(store, certificate) == 1 else {
        throw TLSError.library("trust \(source.authorities.name)").about(.clientCertificateAuthorities)
      }
    }
    try revocations?.apply(to: store)
  }

  deinit {
    X509_STORE_free(store)
    certificates.forEach { X509_free($0) }
  }

  func warnings(_ now: WallTime) -> [String] { revocations?.warnings(now, of: certificates) ?? [] }

  /// A store of its own for verifying: OpenSSL would also complete our own chains from the SSL_CTX's.
  func apply(to context: OpaquePointer, identity: [UInt8]) throws(TLSError) {
    let identifier = sessionContext(identity)
    guard shim_SSL_CTX_set1_verify_cert_store(context, store) == 1,
      SSL_CTX_set_session_id_context(context, identifier, UInt32(identifier.count)) == 1
    else { throw .library("set its rules for clients' certificates") }
    for certificate in certificates {
      guard SSL_CTX_add_client_CA(context, certificate) == 1 else {
        throw .library("name those whose certificates clients may show")
      }
    }
    let required = isRequired ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER
    SSL_CTX_set_verify(context, required, nil)
  }

  /// What sessions are bound to, beside the server. Listeners and instances may share ticket keys, so without it a client could
  /// show a session of a listener that asks for less, or trusts others, in place of a certificate.
  private func sessionContext(_ identity: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = Array("clients".utf8) + [isRequired ? 1 : 0] + identity
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    for certificate in certificates {
      _ = X509_digest(certificate, EVP_sha256(), &digest, &count)
      bytes += digest.prefix(Int(count))
    }
    bytes += revocations?.digest ?? []
    _ = EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil)
    return Array(digest.prefix(Int(count)))
  }
}
