internal import COpenSSL

// The key exchange (RFC 8446 section 4.2.8), which may be made ahead of the rest of the server's flight.
extension HandshakeMemory {
  /// Makes our share and the shared secret.
  /// - Returns: false when that fails, as with a client's share that isn't fit.
  func exchange(_ agreement: Agreement, _ library: TLSLibrary) -> Bool {
    let share = agreement.share
    guard share.count <= Int(COPENSSL_SHARE_LIMIT) else { return false }
    let make = agreement.group == HandshakeRules.p256 ? copenssl_share_p256 : copenssl_share_x25519
    let count = withUnsafeTemporaryAllocation(byteCount: Int(COPENSSL_PRIVATE_COUNT), alignment: 8) { key in
      defer { OPENSSL_cleanse(key.baseAddress, key.count) }
      guard library.fillPrivate(key) else { return 0 }
      return make(
        library.derivations, key.baseAddress!.octets, share.octets, share.count, self[.share].octets,
        self[.shared].octets)
    }
    state.pointee.group = agreement.group
    state.pointee.shareCount = UInt8(count)
    state.pointee.clientShareCount = UInt8(share.count)
    self[.clientShare].copyMemory(from: share.baseAddress!, byteCount: share.count)
    return count > 0
  }

  /// True exactly when it has been made for this one.
  func holdsExchange(for agreement: Agreement) -> Bool {
    state.pointee.shareCount > 0 && state.pointee.group == agreement.group
      && bytes(.clientShare, Int(state.pointee.clientShareCount)).elementsEqual(agreement.share)
  }
}
