internal import COpenSSL
internal import Glibc

/// The certificates that authorities have revoked: their signed lists (RFC 5280 section 5). Where there are any,
/// each authority needs a current one of its own: without it nobody knows which of its certificates still hold,
/// and its clients are refused.
final class RevocationLists {
  /// Lists of large authorities have many entries.
  private static let limit = 64 << 20

  private let source: TLSConfiguration.Source
  private let lists: [OpaquePointer]

  /// - Parameter authorities: whose certificates clients may show.
  init(
    _ source: TLSConfiguration.Source, of authorities: [OpaquePointer], _ library: TLSLibrary
  ) throws(TLSError) {
    self.source = source
    lists = try Self.read(source, library)
    for list in lists {
      let issuers = authorities.filter { isNamed($0, X509_CRL_get_issuer(list)) }
      let isSigned = issuers.contains { X509_CRL_verify(list, X509_get0_pubkey($0)) == 1 }
      ERR_clear_error()
      // The issuer of another list may be in the chains that clients send.
      guard isSigned || issuers.isEmpty else {
        throw TLSError(
          .badRevocations,
          "\(source.name): the list of \(name(X509_CRL_get_issuer(list))) isn't signed by it")
      }
    }
  }

  deinit { lists.forEach { X509_CRL_free($0) } }

  /// - Returns: at least one.
  private static func read(
    _ source: TLSConfiguration.Source, _ library: TLSLibrary
  ) throws(TLSError) -> [OpaquePointer] {
    let text = try PEMText(source, limit: limit)
    var lists: [OpaquePointer] = []
    while true {
      var list = X509_CRL_new_ex(library.context, nil)
      if PEM_read_bio_X509_CRL(text.bio, &list, nil, nil) != nil, let list {
        lists.append(list)
        continue
      }
      X509_CRL_free(list)
      let isAtEnd = shim_ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
      if isAtEnd, !lists.isEmpty {
        ERR_clear_error()
        return lists
      }
      lists.forEach { X509_CRL_free($0) }
      let reason = TLSError.takeReason()
      throw TLSError(
        .notPEM,
        isAtEnd
          ? "\(source.name): no PEM list of revoked certificates in it"
          : "\(source.name): list \(lists.count + 1) of revoked certificates is broken (\(reason))")
    }
  }

  /// Lets a store refuse what is on the lists.
  func apply(to store: OpaquePointer) throws(TLSError) {
    for list in lists {
      guard X509_STORE_add_crl(store, list) == 1 else { throw TLSError.library("obey \(source.name)") }
    }
    _ = X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK))
  }

  /// Changes with every list: a session of before mustn't spare a client the new one.
  var digest: [UInt8] {
    var bytes = Array("revoked".utf8)
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    for list in lists {
      _ = X509_CRL_digest(list, EVP_sha256(), &digest, &count)
      bytes += digest.prefix(Int(count))
    }
    return bytes
  }

  // MARK: What is to be seen to

  /// What makes the lists refuse clients that they don't name.
  func warnings(_ now: WallTime, of authorities: [OpaquePointer]) -> [String] {
    lists.compactMap { warning(about: $0, now) } + authorities.compactMap { warnUnlisted($0, authorities) }
  }

  private func warning(about list: OpaquePointer, _ now: WallTime) -> String? {
    let issuer = name(X509_CRL_get_issuer(list))
    if let next = WallTime(X509_CRL_get0_nextUpdate(list)), next < now {
      return "\(source.name): the list of \(issuer) expired on \(next.text): its clients are refused"
    }
    if let last = WallTime(X509_CRL_get0_lastUpdate(list)), now < last {
      return "\(source.name): the list of \(issuer) is not valid before \(last.text): its clients are refused"
    }
    return nil
  }

  /// One whose certificates are only those of other authorities needs none.
  private func warnUnlisted(_ authority: OpaquePointer, _ authorities: [OpaquePointer]) -> String? {
    let subject = X509_get_subject_name(authority)
    let hasList = lists.contains { X509_NAME_cmp(X509_CRL_get_issuer($0), subject) == 0 }
    let isAbove = authorities.contains {
      X509_cmp($0, authority) != 0 && X509_NAME_cmp(X509_get_issuer_name($0), subject) == 0
    }
    return hasList || isAbove ? nil : "\(source.name): no list of \(name(subject)): its clients are refused"
  }
}

private func isNamed(_ certificate: OpaquePointer, _ name: OpaquePointer?) -> Bool {
  X509_NAME_cmp(X509_get_subject_name(certificate), name) == 0
}

/// As people write it: `O=Example, CN=Clients`.
private func name(_ name: OpaquePointer?) -> String {
  guard let bio = BIO_new(BIO_s_mem()) else { return "an authority" }
  defer { BIO_free(bio) }
  let flags = UInt(XN_FLAG_SEP_CPLUS_SPC) | UInt(ASN1_STRFLGS_ESC_CTRL) | UInt(ASN1_STRFLGS_UTF8_CONVERT)
  X509_NAME_print_ex(bio, name, 0, flags)
  var bytes: UnsafeMutablePointer<CChar>?
  let count = shim_BIO_get_mem_data(bio, &bytes)
  return "\"" + String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self) + "\""
}
