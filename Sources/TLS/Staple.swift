internal import COpenSSL
internal import Glibc

/// An OCSP response that goes to clients beside its certificate (RFC 6960, RFC 6066 section 8).
struct Staple {
  /// DER.
  let bytes: [UInt8]
  let thisUpdate: WallTime
  /// Clients take it for worthless from then on; nil when it doesn't say.
  let nextUpdate: WallTime?
  private let isGood: Bool

  /// - Throws: when it is no successful response, or has nothing about the certificate. Its signature is for
  ///   the clients to judge, who know whom they trust.
  init(_ source: TLSConfiguration.Source, for certificate: LoadedCertificate) throws(TLSError) {
    func wrong(_ what: String) -> TLSError {
      ERR_clear_error()
      return TLSError(.badStaple, "\(source.name): \(what)").about(.staple(certificate.index))
    }
    do throws(TLSError) {
      let text = try PEMText(source)
      bytes = text.withBytes { Array($0) }
    } catch {
      throw error.about(.staple(certificate.index))
    }
    let response = bytes.withUnsafeBufferPointer { bytes in
      var position = bytes.baseAddress
      return d2i_OCSP_RESPONSE(nil, &position, bytes.count)
    }
    guard let response else { throw wrong("no OCSP response in DER") }
    defer { OCSP_RESPONSE_free(response) }
    guard OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL else {
      throw wrong("the OCSP response says that the responder had no answer")
    }
    guard let basic = OCSP_response_get1_basic(response) else { throw wrong("no basic OCSP response") }
    defer { OCSP_BASICRESP_free(basic) }
    guard let single = Self.find(certificate.leaf, in: basic) else {
      throw wrong("the OCSP response isn't about the certificate in \(certificate.source)")
    }
    var (this, next): (UnsafeMutablePointer<ASN1_TIME>?, UnsafeMutablePointer<ASN1_TIME>?)
    isGood = OCSP_single_get0_status(single, nil, nil, &this, &next) == V_OCSP_CERTSTATUS_GOOD
    thisUpdate = WallTime(this) ?? WallTime(seconds: .min)
    nextUpdate = WallTime(next)
  }

  /// The answer about a certificate, found by its serial number and its issuer's name: what the request for
  /// it had, but for the issuer's key, whose certificate need not be at hand.
  private static func find(_ leaf: OpaquePointer, in basic: OpaquePointer) -> OpaquePointer? {
    for index in 0..<OCSP_resp_count(basic) {
      guard let single = OCSP_resp_get0(basic, index) else { continue }
      var nameHash: UnsafeMutablePointer<ASN1_OCTET_STRING>?
      var algorithm: OpaquePointer?
      var serial: UnsafeMutablePointer<ASN1_INTEGER>?
      let identifier = OCSP_SINGLERESP_get0_id(single)
      guard OCSP_id_get0_info(&nameHash, &algorithm, nil, &serial, identifier) == 1, let nameHash, let serial,
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0
      else { continue }
      var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
      var count: UInt32 = 0
      guard let type = EVP_get_digestbyname(OBJ_nid2sn(OBJ_obj2nid(algorithm))),
        X509_NAME_digest(X509_get_issuer_name(leaf), type, &digest, &count) == 1
      else { continue }
      let hash = UnsafeBufferPointer(
        start: ASN1_STRING_get0_data(nameHash), count: Int(ASN1_STRING_length(nameHash)))
      if hash.elementsEqual(digest.prefix(Int(count))) { return single }
    }
    return nil
  }

  /// True exactly when clients may still be given it. An expired one would make some refuse a certificate
  /// that is fine.
  func isCurrent(_ now: WallTime) -> Bool { nextUpdate.map { now < $0 } ?? true }

  /// Nil when there is nothing to be said about it.
  func warning(_ now: WallTime) -> String? {
    if let nextUpdate, nextUpdate <= now {
      return "the OCSP response expired on \(nextUpdate.text) and isn't sent"
    }
    if now < thisUpdate { return "the OCSP response is not valid before \(thisUpdate.text)" }
    return isGood ? nil : "the OCSP response says that the certificate isn't good"
  }
}

/// What OpenSSL asks when a client wants a staple, once the certificate is chosen.
let stapleCallback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, argument in
  guard let argument, let leaf = SSL_get_certificate(ssl) else { return SSL_TLSEXT_ERR_NOACK }
  return Unmanaged<TLSContext>.fromOpaque(argument)._withUnsafeGuaranteedRef { ours in
    // The wall clock as OpenSSL itself reads it in every handshake, for the session's time.
    guard let staple = ours.staple(for: leaf), staple.isCurrent(WallTime(seconds: Int64(time(nil)))) else {
      return SSL_TLSEXT_ERR_NOACK
    }
    let isSet = shim_SSL_set_tlsext_status_ocsp_resp(ssl, staple.bytes, staple.bytes.count) == 1
    return isSet ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK
  }
}
