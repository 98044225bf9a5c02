internal import COpenSSL

/// What OpenSSL asks for each ticket, to seal one (`isSealing`) or to open one.
///
/// -1: the handshake fails; 0: no ticket of ours, and the handshake goes on in full; 1: as it is; 2:
/// opened, and the client gets a new one. That a ticket is within its lifetime OpenSSL sees to itself.
let ticketCallback:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?,
    OpaquePointer?, Int32
  ) -> Int32 = { ssl, name, vector, cipher, mac, isSealing in
    guard let exchange = Exchange.of(ssl), let context = exchange.pointee.context, let name, let vector
    else { return 0 }
    return context._withUnsafeGuaranteedRef { context in
      guard let keys = context.ticketKeys else { return 0 }
      if isSealing == 1 {
        exchange.pointee.ticketsMade += 1
        return context.seal(keys.sealing, name, vector, cipher, mac) ? 1 : -1
      }
      guard let (key, isSealing) = keys.key(named: name), context.open(key, vector, cipher, mac) else {
        return 0
      }
      // A TLS 1.3 client should use a ticket once only (RFC 8446 appendix C.4), so it gets its next.
      return isSealing && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2
    }
  }

extension TLSContext {
  fileprivate func seal(
    _ key: TicketKey, _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?
  ) -> Bool {
    UnsafeMutableRawPointer(name).copyMemory(from: key.name.baseAddress!, byteCount: TicketKey.nameCount)
    guard library.fillRandom(UnsafeMutableRawBufferPointer(start: vector, count: 16)) else { return false }
    let cipherKey = key.cipherKey.assumingMemoryBound(to: UInt8.self)
    return EVP_EncryptInit_ex2(cipher, algorithm(for: key), cipherKey, vector, nil) == 1
      && authenticate(key, mac)
  }

  fileprivate func open(
    _ key: TicketKey, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer?, _ mac: OpaquePointer?
  ) -> Bool {
    let cipherKey = key.cipherKey.assumingMemoryBound(to: UInt8.self)
    return authenticate(key, mac)
      && EVP_DecryptInit_ex2(cipher, algorithm(for: key), cipherKey, vector, nil) == 1
  }

  private func algorithm(for key: TicketKey) -> OpaquePointer? {
    key.size == .large ? library.ticketCipher : smallTicketCipher
  }

  private func authenticate(_ key: TicketKey, _ mac: OpaquePointer?) -> Bool {
    shim_set_hmac_sha256(mac, key.authenticationKey, key.size.rawValue) == 1
  }
}
