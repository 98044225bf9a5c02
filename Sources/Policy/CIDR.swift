public import Basics

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`; an address alone is a block of one.
public struct CIDR: Hashable, Sendable, CustomStringConvertible {
  /// Its first address.
  public let address: IPAddress
  /// Leading bits that are fixed: up to 32 for IPv4, 128 for IPv6.
  public let prefix: Int

  public init(_ text: String) throws(CIDRError) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(String(parts[0])) else { throw .address(String(parts[0])) }
    let written = parts[0].contains(":") ? 128 : 32
    var prefix = written
    if parts.count == 2 {
      let digits = parts[1].utf8.allSatisfy { (48...57).contains($0) }
      guard digits, let number = Int(parts[1]), number <= written else {
        throw .prefix(String(parts[1]), most: written)
      }
      prefix = number
    }
    // An IPv4-mapped address is the IPv4 address, and its prefix counts from there.
    if address.isIPv4 && written == 128 {
      guard prefix >= 96 else { throw .prefix("\(prefix)", most: 128) }
      prefix -= 96
    }
    try self.init(address, prefix: prefix)
  }

  public init(_ address: IPAddress, prefix: Int) throws(CIDRError) {
    let most = address.isIPv4 ? 32 : 128
    guard (0...most).contains(prefix) else { throw .prefix("\(prefix)", most: most) }
    let first = Self.value(address) & ~Self.hostMask(prefix, most)
    guard first == Self.value(address) else {
      throw .hostBits("\(address)/\(prefix)", suggestion: "\(Self.address(first, address.isIPv4))/\(prefix)")
    }
    self.address = address
    self.prefix = prefix
  }

  public var description: String { "\(address)/\(prefix)" }

  /// The block as a range of numbers within its family, both ends included.
  var range: ClosedRange<UInt128> {
    let first = Self.value(address)
    return first...(first | Self.hostMask(prefix, address.isIPv4 ? 32 : 128))
  }

  static func value(_ address: IPAddress) -> UInt128 {
    address.isIPv4 ? UInt128(address.ipv4) : UInt128(address.high) << 64 | UInt128(address.low)
  }

  private static func hostMask(_ prefix: Int, _ most: Int) -> UInt128 {
    prefix == most ? 0 : UInt128.max >> UInt128(128 - (most - prefix))
  }

  private static func address(_ value: UInt128, _ isIPv4: Bool) -> IPAddress {
    isIPv4
      ? IPAddress(ipv4: UInt32(truncatingIfNeeded: value))
      : IPAddress(
        ipv6High: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
  }
}

/// Why a text is no block of addresses.
public enum CIDRError: Error, Hashable, Sendable, CustomStringConvertible {
  case address(String)
  case prefix(String, most: Int)
  /// Bits behind the prefix are set.
  case hostBits(String, suggestion: String)

  public var description: String {
    switch self {
    case .address(let text): "\"\(text)\" is no IP address, such as 10.0.0.0/8 or 2001:db8::/32"
    case .prefix(let text, let most): "\"\(text)\" is no prefix length from 0 to \(most)"
    case .hostBits(let text, let suggestion):
      "\(text) has bits set behind its prefix; did you mean \(suggestion)?"
    }
  }
}
