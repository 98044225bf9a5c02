internal import COpenSSL

/// A certificate's key and one way to sign with it, set up once and used for every handshake of a worker.
final class Signer {
  let certificate: CertificateMessage
  /// Its SignatureScheme (RFC 8446 section 4.2.3).
  let scheme: UInt16
  /// Bytes of the longest signature.
  let limit: Int
  /// Bytes of the hash that is signed.
  private let hashCount: Int
  private let context: OpaquePointer

  /// Nil when the scheme isn't the key's, or isn't one that we sign with ourselves.
  init?(_ scheme: UInt16, _ key: OpaquePointer, _ certificate: CertificateMessage, _ library: TLSLibrary) {
    guard let way = SignatureWay(scheme), way.fits(key),
      let context = EVP_PKEY_CTX_new_from_pkey(library.context, key, nil)
    else { return nil }
    self.context = context
    self.certificate = certificate
    self.scheme = scheme
    limit = Int(EVP_PKEY_get_size(key))
    hashCount = way.hashCount
    // From here on the object is whole, and deinit frees.
    guard EVP_PKEY_sign_init(context) == 1, way.apply(to: context) else {
      ERR_clear_error()
      return nil
    }
  }

  deinit { EVP_PKEY_CTX_free(context) }

  /// Signs the hash of what is signed of a transcript (RFC 8446 section 4.4.3).
  /// - Parameter room: `limit` bytes at least.
  /// - Returns: the signature's length; nil when OpenSSL fails.
  func sign(_ transcript: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Int? {
    withUnsafeTemporaryAllocation(byteCount: Int(COPENSSL_HASH_LIMIT), alignment: 8) { digest in
      var hash = copenssl_hash()
      copenssl_hash_start(&hash, hashCount)
      Self.preface.withUnsafeBytes { copenssl_hash_add(&hash, $0.baseAddress, $0.count) }
      copenssl_hash_add(&hash, transcript.baseAddress, transcript.count)
      copenssl_hash_peek(&hash, digest.baseAddress)
      var count = room.count
      let isSigned = EVP_PKEY_sign(
        context, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
        digest.baseAddress?.assumingMemoryBound(to: UInt8.self), hashCount)
      return isSigned == 1 ? count : nil
    }
  }

  private static let preface =
    [UInt8](repeating: 0x20, count: 64) + Array("TLS 1.3, server CertificateVerify".utf8) + [0]
}

/// What a scheme asks of a key.
private struct SignatureWay {
  let hashCount: Int
  /// Nil is RSA.
  let curve: String?

  init?(_ scheme: UInt16) {
    switch scheme {
    case SignatureScheme.ecdsaP256: self.init(hashCount: 32, curve: "prime256v1")
    case SignatureScheme.ecdsaP384: self.init(hashCount: 48, curve: "secp384r1")
    case SignatureScheme.ecdsaP521: self.init(hashCount: 64, curve: "secp521r1")
    case SignatureScheme.rsaSHA256: self.init(hashCount: 32, curve: nil)
    case SignatureScheme.rsaSHA384: self.init(hashCount: 48, curve: nil)
    case SignatureScheme.rsaSHA512: self.init(hashCount: 64, curve: nil)
    default: return nil
    }
  }

  private init(hashCount: Int, curve: String?) {
    self.hashCount = hashCount
    self.curve = curve
  }

  private var digest: OpaquePointer? {
    hashCount == 32 ? EVP_sha256() : hashCount == 48 ? EVP_sha384() : EVP_sha512()
  }

  func fits(_ key: OpaquePointer) -> Bool {
    guard let curve else {
      // PSS takes the hash, a salt as long, and two bytes (RFC 8017 section 9.1.1).
      return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && Int(EVP_PKEY_get_size(key)) >= 2 * hashCount + 2
    }
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && curveName(of: key) == curve
  }

  func apply(to context: OpaquePointer) -> Bool {
    guard EVP_PKEY_CTX_set_signature_md(context, digest) == 1 else { return false }
    guard curve == nil else { return true }
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
      && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
  }
}

private func curveName(of key: OpaquePointer) -> String? {
  var name = [CChar](repeating: 0, count: 32)
  guard EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { return nil }
  return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

extension LoadedCertificate {
  /// True exactly when its key can sign so, whoever does it.
  func isFor(_ scheme: UInt16) -> Bool {
    switch scheme {
    case SignatureScheme.ed25519: keyType == EVP_PKEY_ED25519
    case SignatureScheme.ed448: keyType == EVP_PKEY_ED448
    case 0x0809...0x080b: keyType == EVP_PKEY_RSA_PSS
    default: SignatureWay(scheme)?.fits(key) ?? false
    }
  }
}
