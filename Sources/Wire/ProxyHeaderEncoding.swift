internal import Basics

extension ProxyHeader {
  /// Appends the header in version 2. Parts that are empty are left out; the unique identifier is cut at
  /// 128 bytes.
  ///
  /// - Parameter withChecksum: adds a CRC32C over the header.
  public func encodeV2(to output: inout [UInt8], withChecksum: Bool = false) {
    let start = output.count
    output += ProxyHeaderV2.signature + [isLocal ? 0x20 : 0x21, 0, 0, 0]
    if !isLocal {
      output[start + 13] = encodeAddresses(to: &output)
      encodeParts(to: &output)
    }
    if withChecksum { Self.encode(ProxyHeaderV2.PartType.checksum, [0, 0, 0, 0], to: &output) }
    let length = output.count - start - ProxyHeaderV2.fixedLength
    assert(length <= 65535)
    output[start + 14] = UInt8(truncatingIfNeeded: length >> 8)
    output[start + 15] = UInt8(truncatingIfNeeded: length)
    if withChecksum { Self.seal(&output, from: start) }
  }

  /// Appends the addresses and returns the family; 0 when there is no pair of one family.
  private func encodeAddresses(to output: inout [UInt8]) -> UInt8 {
    switch (source, destination) {
    case (.ip(let source, let sourcePort), .ip(let destination, let destinationPort)):
      let isV4 = source.isIPv4 && destination.isIPv4
      for address in [source, destination] {
        if !isV4 { output.appendBigEndian(address.high, 8) }
        output.appendBigEndian(address.low, isV4 ? 4 : 8)
      }
      output.appendBigEndian(UInt64(sourcePort), 2)
      output.appendBigEndian(UInt64(destinationPort), 2)
      return isV4 ? 0x11 : 0x21
    case (.unix(let source), .unix(let destination)):
      for path in [source, destination] {
        let text = path.utf8.prefix(108)
        // `@name` is ours for the abstract namespace, whose first byte is NUL.
        output += text.first == 0x40 ? [0] + text.dropFirst() : Array(text)
        output += [UInt8](repeating: 0, count: 108 - text.count)
      }
      return 0x31
    default: return 0x00
    }
  }

  private func encodeParts(to output: inout [UInt8]) {
    if !alpn.isEmpty { Self.encode(ProxyHeaderV2.PartType.alpn, alpn, to: &output) }
    if !authority.isEmpty { Self.encode(ProxyHeaderV2.PartType.authority, authority, to: &output) }
    if !uniqueID.isEmpty {
      Self.encode(ProxyHeaderV2.PartType.uniqueID, Array(uniqueID.prefix(128)), to: &output)
    }
    guard let tls else { return }
    var body = [tls.client]
    body.appendBigEndian(UInt64(tls.verify), 4)
    if !tls.version.isEmpty { Self.encode(ProxyHeaderV2.PartType.tlsVersion, tls.version, to: &body) }
    if !tls.cipher.isEmpty { Self.encode(ProxyHeaderV2.PartType.tlsCipher, tls.cipher, to: &body) }
    Self.encode(ProxyHeaderV2.PartType.tls, body, to: &output)
  }

  private static func encode(_ type: Int, _ value: [UInt8], to output: inout [UInt8]) {
    output.append(UInt8(truncatingIfNeeded: type))
    output.appendBigEndian(UInt64(value.count), 2)
    output += value
  }

  /// The checksum is the last part: its bytes are zero until here.
  private static func seal(_ output: inout [UInt8], from start: Int) {
    var sum = CRC32C()
    for byte in output[start...] { sum.add(byte) }
    output.removeLast(4)
    output.appendBigEndian(UInt64(sum.value), 4)
  }
}

extension [UInt8] {
  /// The lowest `count` bytes of a number, in network byte order.
  mutating func appendBigEndian(_ value: UInt64, _ count: Int) {
    for place in (0..<count).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(place)))) }
  }
}
