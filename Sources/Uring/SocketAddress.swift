public import Basics
public import CUring
internal import Glibc

/// An endpoint in the kernel's form.
public struct SocketAddress {
  public internal(set) var storage = sockaddr_storage()
  /// Bytes of `storage` that count.
  public internal(set) var length: UInt32

  public var family: UInt16 { storage.ss_family }
  public var isIP: Bool { family == UInt16(AF_INET) || family == UInt16(AF_INET6) }

  /// Room for any address, which the kernel fills in.
  public init() { length = UInt32(MemoryLayout<sockaddr_storage>.size) }

  /// What the kernel filled in.
  public init(storage: sockaddr_storage, length: UInt32) {
    self.storage = storage
    self.length = length
  }

  public init(_ endpoint: Endpoint) {
    switch endpoint {
    case .ip(let address, let port): length = Self.write(address, port, to: &storage)
    case .unix(let path): length = Self.write(path, to: &storage)
    }
  }

  private static func write(_ address: IPAddress, _ port: UInt16, to storage: inout sockaddr_storage)
    -> UInt32
  {
    withUnsafeMutableBytes(of: &storage) { bytes in
      if address.isIPv4 {
        var v4 = sockaddr_in()
        v4.sin_family = UInt16(AF_INET)
        v4.sin_port = port.bigEndian
        v4.sin_addr.s_addr = address.ipv4.bigEndian
        bytes.storeBytes(of: v4, as: sockaddr_in.self)
        return UInt32(MemoryLayout<sockaddr_in>.size)
      }
      var v6 = sockaddr_in6()
      v6.sin6_family = UInt16(AF_INET6)
      v6.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &v6.sin6_addr) {
        $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
        $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      bytes.storeBytes(of: v6, as: sockaddr_in6.self)
      return UInt32(MemoryLayout<sockaddr_in6>.size)
    }
  }

  /// `@name` is in the abstract namespace: a zero byte, the name, and no zero behind it (unix(7)).
  private static func write(_ path: String, to storage: inout sockaddr_storage) -> UInt32 {
    storage.ss_family = UInt16(AF_UNIX)
    let isAbstract = path.utf8.first == UInt8(ascii: "@")
    return withUnsafeMutableBytes(of: &storage) { bytes in
      let room = MemoryLayout<sockaddr_un>.size - pathOffset
      precondition(path.utf8.count < room, "Endpoint admits no longer path")
      var end = pathOffset
      for byte in path.utf8 {
        bytes[end] = byte
        end += 1
      }
      if isAbstract { bytes[pathOffset] = 0 } else { end += 1 }
      return UInt32(end)
    }
  }

  private static let pathOffset = MemoryLayout<sa_family_t>.size

  /// Nil for other families, and for a unix socket that has no name.
  public var endpoint: Endpoint? {
    withUnsafeBytes(of: storage) { bytes in
      switch Int32(family) {
      case AF_INET:
        let v4 = bytes.load(as: sockaddr_in.self)
        return .ip(
          IPAddress(ipv4: UInt32(bigEndian: v4.sin_addr.s_addr)), port: UInt16(bigEndian: v4.sin_port))
      case AF_INET6:
        // Port at 2, address at 8 (ipv6(7)).
        let port = UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
        let high = UInt64(bigEndian: bytes.load(fromByteOffset: 8, as: UInt64.self))
        let low = UInt64(bigEndian: bytes.load(fromByteOffset: 16, as: UInt64.self))
        return .ip(IPAddress(ipv6High: high, low: low), port: port)
      case AF_UNIX: return Self.path(bytes[Self.pathOffset..<max(Self.pathOffset, Int(length))])
      default: return nil
      }
    }
  }

  private static func path(_ bytes: Slice<UnsafeRawBufferPointer>) -> Endpoint? {
    guard let first = bytes.first else { return nil }
    if first == 0 {
      return bytes.count > 1 ? .unix(path: "@" + String(decoding: bytes.dropFirst(), as: UTF8.self)) : nil
    }
    return .unix(path: String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
  }
}
