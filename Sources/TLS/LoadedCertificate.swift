internal import COpenSSL

/// A certificate with its chain and private key, parsed, and the server names that it is for.
final class LoadedCertificate {
  /// What to call the certificate's file in messages.
  let source: String
  let leaf: OpaquePointer
  let chain: [OpaquePointer]
  let key: OpaquePointer
  /// Lower case; `*.example.com` where it is for every name one label below.
  let names: [String]
  /// EVP_PKEY_RSA, EVP_PKEY_EC: a context holds one certificate of each.
  let keyType: Int32
  /// Its place in the configuration.
  let index: Int
  private(set) var staple: Staple?

  init(_ source: TLSConfiguration.Certificate, index: Int, library: TLSLibrary) throws(TLSError) {
    self.index = index
    self.source = source.certificate.name
    do throws(TLSError) {
      var certificates = try Self.readCertificates(source.certificate, library)
      do throws(TLSError) {
        key = try Self.readKey(source.key, library)
      } catch {
        certificates.forEach { X509_free($0) }
        throw error
      }
      leaf = certificates.removeFirst()
      chain = certificates
      names = serverNames(of: leaf)
      keyType = EVP_PKEY_get_base_id(key)
      // From here on the object is whole, and deinit frees.
      guard X509_check_private_key(leaf, key) == 1 else {
        ERR_clear_error()
        throw TLSError(
          .keyMismatch,
          "\(source.key.name): the key doesn't belong to the certificate in \(source.certificate.name)")
      }
      if let file = source.staple { staple = try Staple(file, for: self) }
    } catch {
      throw error.subject == nil ? error.about(.certificate(index)) : error
    }
  }

  deinit {
    X509_free(leaf)
    chain.forEach { X509_free($0) }
    EVP_PKEY_free(key)
  }

  /// - Returns: at least one.
  static func readCertificates(
    _ source: TLSConfiguration.Source, _ library: TLSLibrary
  ) throws(TLSError) -> [OpaquePointer] {
    let text = try PEMText(source)
    var certificates: [OpaquePointer] = []
    while true {
      var certificate = X509_new_ex(library.context, nil)
      if PEM_read_bio_X509(text.bio, &certificate, refusePassword, nil) != nil, let certificate {
        certificates.append(certificate)
        continue
      }
      X509_free(certificate)
      let isAtEnd = shim_ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
      if isAtEnd, !certificates.isEmpty {
        ERR_clear_error()
        return certificates
      }
      certificates.forEach { X509_free($0) }
      if isAtEnd {
        ERR_clear_error()
        throw TLSError(.notPEM, "\(source.name): no PEM certificate in it")
      }
      throw TLSError(
        .notPEM, "\(source.name): certificate \(certificates.count + 1) is broken (\(TLSError.takeReason()))")
    }
  }

  private static func readKey(
    _ source: TLSConfiguration.Source, _ library: TLSLibrary
  ) throws(TLSError) -> OpaquePointer {
    let text = try PEMText(source)
    var wasAsked = false
    let key = PEM_read_bio_PrivateKey_ex(text.bio, nil, refusePassword, &wasAsked, library.context, nil)
    if let key { return key }
    if wasAsked {
      ERR_clear_error()
      throw TLSError(
        .encryptedKey, "\(source.name): the key is protected by a password; remove it with `openssl pkey`")
    }
    if !text.contains("PRIVATE KEY-----") {
      ERR_clear_error()
      throw TLSError(.notPEM, "\(source.name): no PEM private key in it")
    }
    throw TLSError(.notPEM, "\(source.name): the private key is broken (\(TLSError.takeReason()))")
  }
}

/// Notes that a password was asked for (`context` is a Bool, or nil) and gives none. Without a callback
/// OpenSSL would ask at the terminal.
private let refusePassword:
  @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = {
    _, _, _, context in
    context?.assumingMemoryBound(to: Bool.self).pointee = true
    return -1
  }
