internal import COpenSSL

/// What sessions are bound to: the server names of some certificates, whatever their order, hashed. 32 bytes.
///
/// A client that resumes a session sees no certificate. Listeners may share ticket keys, and whoever stands between may
/// lead a client from one to another; that mustn't serve it as somebody whose certificate it would have refused. The
/// names are the same in a certificate's successor, and in all of a fleet.
func sessionIdentity(of certificates: [LoadedCertificate]) -> [UInt8] {
  let names = Set(
    certificates.flatMap { $0.names.isEmpty ? [fingerprint($0.leaf)] : $0.names.map { Array($0.utf8) } })
  var hash = copenssl_hash()
  copenssl_hash_start(&hash, 32)
  for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
    let ended = name + [0]
    copenssl_hash_add(&hash, ended, ended.count)
  }
  var identity = [UInt8](repeating: 0, count: 32)
  copenssl_hash_peek(&hash, &identity)
  return identity
}

/// For a certificate without any name that we could serve it by.
private func fingerprint(_ certificate: OpaquePointer) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
  var count: UInt32 = 0
  _ = X509_digest(certificate, EVP_sha256(), &digest, &count)
  return Array(digest.prefix(Int(count)))
}
