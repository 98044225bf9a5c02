public import Basics

/// What limits by address count as one: an IPv4 address, or the IPv6 addresses of one prefix.
public struct AddressKey: Hashable, Sendable, CustomStringConvertible {
  let high: UInt64
  let low: UInt64
  /// 0 is IPv4; else the prefix's length.
  private let prefix: UInt8

  /// - Parameter ipv6Prefix: from 1 to 128.
  public init(_ address: IPAddress, ipv6Prefix: Int = 64) {
    let length = address.isIPv4 ? 128 : min(max(ipv6Prefix, 1), 128)
    high = length >= 64 ? address.high : address.high & ~(.max >> UInt64(length))
    low = length <= 64 ? 0 : address.low & ~(length == 128 ? 0 : UInt64.max >> UInt64(length - 64))
    prefix = address.isIPv4 ? 0 : UInt8(length)
  }

  /// `192.0.2.1` or `2001:db8::/64`.
  public var description: String {
    let address = IPAddress(ipv6High: high, low: low)
    return prefix == 0 || prefix == 128 ? "\(address)" : "\(address)/\(prefix)"
  }
}
