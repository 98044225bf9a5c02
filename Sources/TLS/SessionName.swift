internal import COpenSSL

/// Names each new session. OpenSSL wants a name for the sessions of TLS 1.3 too, although nobody ever sees one:
/// the ticket carries the session. So those get a number instead of random bytes, which cost more than a
/// microsecond. TLS 1.2 shows the name of a session without a ticket to everybody: that stays random.
let sessionNameCallback:
  @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt32>?) -> Int32 = {
    ssl, name, count in
    guard let context = Exchange.of(ssl)?.pointee.context, let name, let count else { return 0 }
    let bytes = UnsafeMutableRawBufferPointer(start: name, count: Int(count.pointee))
    return context._withUnsafeGuaranteedRef { context in
      guard SSL_version(ssl) == TLS1_3_VERSION, bytes.count >= MemoryLayout<UInt64>.size else {
        return context.library.fillRandom(bytes) ? 1 : 0
      }
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
      context.library.sessionsNamed += 1
      bytes.storeBytes(of: context.library.sessionsNamed, as: UInt64.self)
      return 1
    }
  }
