internal import Glibc

/// An IP address: 4 bytes as an IPv4-mapped IPv6 address, or 16 bytes.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// Network byte order, as two big-endian halves. IPv4 is `::ffff:a.b.c.d`.
  public var high: UInt64
  public var low: UInt64
  /// True exactly when this is an IPv4 address.
  public var isIPv4: Bool

  public init(ipv4: UInt32) {
    high = 0
    low = 0x0000_ffff_0000_0000 | UInt64(ipv4)
    isIPv4 = true
  }

  /// An IPv4-mapped IPv6 address becomes the IPv4 address that it is.
  public init(ipv6High: UInt64, low: UInt64) {
    high = ipv6High
    self.low = low
    isIPv4 = ipv6High == 0 && low >> 32 == 0xffff
  }

  public var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }

  /// Parses the textual forms of RFC 4291 and dotted decimal.
  public init?(_ text: String) {
    var v4 = in_addr()
    var v6 = in6_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self.init(ipv4: UInt32(bigEndian: v4.s_addr))
    } else if inet_pton(AF_INET6, text, &v6) == 1 {
      let halves = withUnsafeBytes(of: &v6) {
        (
          UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
          UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
      }
      self.init(ipv6High: halves.0, low: halves.1)
    } else {
      return nil
    }
  }

  public var description: String {
    if isIPv4 {
      return "\(ipv4 >> 24).\(ipv4 >> 16 & 255).\(ipv4 >> 8 & 255).\(ipv4 & 255)"
    }
    var address = in6_addr()
    withUnsafeMutableBytes(of: &address) {
      $0.storeBytes(of: high.bigEndian, as: UInt64.self)
      $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      inet_ntop(AF_INET6, &address, text.baseAddress!, socklen_t(text.count))
      return String(cString: text.baseAddress!)
    }
  }
}

/// Where to listen or to connect.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
  case ip(IPAddress, port: UInt16)
  case unix(path: String)

  /// `1.2.3.4:80`, `[::1]:80`, `unix:/run/chat.sock` (`unix:@name` is in the abstract namespace).
  /// Nil for everything else; names aren't resolved here.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
      self = .unix(path: path)
      return
    }
    guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if bracketed { host = host.dropFirst().dropLast() }
    guard bracketed == host.contains(":"), let address = IPAddress(String(host)) else { return nil }
    self = .ip(address, port: port)
  }

  /// The address; nil for a unix socket.
  public var ipAddress: IPAddress? {
    if case .ip(let address, _) = self { address } else { nil }
  }

  private static func port(_ text: Substring) -> UInt16? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    return UInt16(text)
  }

  public var description: String {
    switch self {
    case .ip(let address, let port): address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
