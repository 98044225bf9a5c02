internal import COpenSSL

/// The application traffic secrets of one connection (RFC 8446 section 7.1), from when OpenSSL derives them
/// until the record layer has taken them over.
struct TrafficSecrets: ~Copyable {
  /// The longest hash of our cipher suites: SHA-384.
  private static let limit = 48
  /// Two secrets and the length of each.
  private static let count = 2 * limit + 2

  /// The client's secret, the server's, the client's length, the server's: one allocation, since each
  /// connection makes it, and at a fixed place, since OpenSSL's callback writes it.
  let memory: UnsafeMutableRawPointer

  init() {
    memory = .allocate(byteCount: Self.count, alignment: 8)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.count)
  }

  deinit {
    OPENSSL_cleanse(memory, Self.count)
    memory.deallocate()
  }

  /// Empty until it is known.
  var client: UnsafeRawBufferPointer { secret(0) }
  var server: UnsafeRawBufferPointer { secret(1) }

  private func secret(_ index: Int) -> UnsafeRawBufferPointer {
    let count = memory.load(fromByteOffset: 2 * Self.limit + index, as: UInt8.self)
    return UnsafeRawBufferPointer(start: memory + index * Self.limit, count: Int(count))
  }

  /// Puts a line of the key log (a label, the client's random, a secret, in hexadecimal) into `memory`.
  static func take(_ line: UnsafePointer<CChar>, into memory: UnsafeMutableRawPointer) {
    for (index, label) in labels.enumerated() where begins(line, label) {
      let count = decode(line, into: memory + index * limit)
      memory.storeBytes(of: UInt8(count), toByteOffset: 2 * limit + index, as: UInt8.self)
    }
  }

  private static let labels: [StaticString] = ["CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "]

  private static func begins(_ line: UnsafePointer<CChar>, _ label: StaticString) -> Bool {
    for index in 0..<label.utf8CodeUnitCount where UInt8(bitPattern: line[index]) != label.utf8Start[index] {
      return false
    }
    return true
  }

  /// The line's last word.
  /// - Returns: how many bytes it was; 0 when it isn't what we expect.
  private static func decode(_ line: UnsafePointer<CChar>, into bytes: UnsafeMutableRawPointer) -> Int {
    var start = 0
    var end = 0
    while line[end] != 0 {
      if line[end] == 0x20 { start = end + 1 }
      end += 1
    }
    let count = (end - start) / 2
    guard count == 32 || count == 48 else { return 0 }
    for index in 0..<count {
      let high = OPENSSL_hexchar2int(UInt8(bitPattern: line[start + 2 * index]))
      let low = OPENSSL_hexchar2int(UInt8(bitPattern: line[start + 2 * index + 1]))
      guard high >= 0, low >= 0 else { return 0 }
      bytes.storeBytes(of: UInt8(high << 4 | low), toByteOffset: index, as: UInt8.self)
    }
    return count
  }
}

/// What OpenSSL calls with each secret that it derives.
let keyLogCallback: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?) -> Void = { ssl, line in
  guard let line, let secrets = Exchange.of(ssl)?.pointee.secrets else { return }
  TrafficSecrets.take(line, into: secrets)
}
