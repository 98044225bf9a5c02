public import Basics

extension ProxyHeader {
  /// Appends a header in version 1: a line, 104 bytes at most. A pair that isn't of IP addresses is UNKNOWN; a
  /// mixed one is written as IPv6.
  public static func encodeV1(from source: Endpoint?, to destination: Endpoint?, into output: inout [UInt8]) {
    guard
      case (.ip(let source, let sourcePort), .ip(let destination, let destinationPort)) =
        (source, destination)
    else { return output.append(contentsOf: "PROXY UNKNOWN\r\n".utf8) }
    let isV4 = source.isIPv4 && destination.isIPv4
    output.append(contentsOf: (isV4 ? "PROXY TCP4 " : "PROXY TCP6 ").utf8)
    output.append(source, dotted: isV4)
    output.append(destination, dotted: isV4)
    output.append(number: UInt64(sourcePort))
    output.append(.space)
    output.append(number: UInt64(destinationPort))
    output.append(contentsOf: "\r\n".utf8)
  }

  /// Appends the header in version 1, which has no more than the addresses. There is none for `local`.
  public func encodeV1(to output: inout [UInt8]) {
    Self.encodeV1(from: source, to: destination, into: &output)
  }
}

extension [UInt8] {
  /// With a space behind it.
  fileprivate mutating func append(_ address: IPAddress, dotted: Bool) {
    if dotted { append(dotted: address.ipv4) } else { append(groups: address) }
    append(.space)
  }

  fileprivate mutating func append(number: UInt64, radix: UInt64 = 10) {
    if number >= radix { append(number: number / radix, radix: radix) }
    let digit = UInt8(truncatingIfNeeded: number % radix)
    append(digit < 10 ? 0x30 + digit : 0x57 + digit)
  }

  fileprivate mutating func append(dotted address: UInt32) {
    for place in (0..<4).reversed() {
      append(number: UInt64(address >> (8 * UInt32(place)) & 255))
      if place > 0 { append(0x2e) }
    }
  }

  /// As RFC 5952 has it: the longest run of zeros, the first of several, is left out.
  fileprivate mutating func append(groups address: IPAddress) {
    func group(_ index: Int) -> UInt64 {
      (index < 4 ? address.high : address.low) >> (16 * UInt64(3 - index & 3)) & 0xffff
    }
    var longest = 0..<0
    var start = 0
    for index in 0...8 where index == 8 || group(index) != 0 {
      if index - start > Swift.max(1, longest.count) { longest = start..<index }
      start = index + 1
    }
    for index in 0..<8 {
      if index == longest.lowerBound && !longest.isEmpty { append(.colon) }
      guard !longest.contains(index) else { continue }
      if index > 0 { append(.colon) }
      append(number: group(index), radix: 16)
    }
    if longest.upperBound == 8 { append(.colon) }
  }
}
