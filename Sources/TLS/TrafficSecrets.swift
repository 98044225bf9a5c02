internal import COpenSSL

/// The application traffic secrets of one connection (RFC 8446 section 7.1), from when OpenSSL derives them
/// until the record layer has taken them over.
struct TrafficSecrets: ~Copyable {
  /// One allocation, since each connection makes it, and at a fixed place, since OpenSSL's key derivation
  /// writes it.
  let memory: UnsafeMutablePointer<copenssl_secrets>

  init() {
    memory = .allocate(capacity: 1)
    memory.initialize(to: copenssl_secrets())
  }

  deinit {
    OPENSSL_cleanse(memory, MemoryLayout<copenssl_secrets>.size)
    memory.deallocate()
  }

  /// Empty until it is known.
  var client: UnsafeRawBufferPointer {
    secret(MemoryLayout<copenssl_secrets>.offset(of: \.client)!, memory.pointee.client_count)
  }
  var server: UnsafeRawBufferPointer {
    secret(MemoryLayout<copenssl_secrets>.offset(of: \.server)!, memory.pointee.server_count)
  }

  private func secret(_ offset: Int, _ count: UInt8) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(memory) + offset, count: Int(count))
  }
}
