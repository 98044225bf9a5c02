public import Basics

extension ProxyHeader {
  /// Appends the header in version 2. Parts that are empty are left out; the unique identifier is cut at
  /// 128 bytes.
  ///
  /// - Parameter withChecksum: adds a CRC32C over the header.
  public func encodeV2(to output: inout [UInt8], withChecksum: Bool = false) {
    var parts: [UInt8] = []
    if !isLocal { appendParts(to: &parts) }
    Self.encodeV2(
      isLocal: isLocal, from: source, to: destination, parts: parts, withChecksum: withChecksum, into: &output
    )
  }

  /// Appends a header in version 2 with a checksum, without memory of its own.
  /// - Parameters:
  ///   - source: the client; nil where it isn't known or, on a unix socket, has no name.
  ///   - parts: what `ProxyHeaderPart` and the like have appended.
  public static func encodeV2(
    from source: Endpoint?, to destination: Endpoint?, parts: [UInt8], into output: inout [UInt8]
  ) {
    encodeV2(
      isLocal: false, from: source, to: destination, parts: parts, withChecksum: true, into: &output)
  }

  private static func encodeV2(
    isLocal: Bool, from source: Endpoint?, to destination: Endpoint?, parts: [UInt8], withChecksum: Bool,
    into output: inout [UInt8]
  ) {
    let start = output.count
    output.append(contentsOf: ProxyHeaderV2.signature)
    output.append(isLocal ? 0x20 : 0x21)
    output.appendBigEndian(0, 3)
    if !isLocal {
      output[start + 13] = encodeAddresses(from: source, to: destination, into: &output)
      output.append(contentsOf: parts)
    }
    if withChecksum {
      output.append(ProxyHeaderPart.checksum.rawValue)
      output.appendBigEndian(4 << 32, 6)
    }
    output.setBigEndian16(output.count - start - ProxyHeaderV2.fixedLength, at: start + 14)
    if withChecksum { seal(&output, from: start) }
  }

  /// Appends the addresses and returns the family; 0 when there is no pair of one family.
  private static func encodeAddresses(
    from source: Endpoint?, to destination: Endpoint?, into output: inout [UInt8]
  ) -> UInt8 {
    switch (source, destination) {
    case (.ip(let source, let sourcePort), .ip(let destination, let destinationPort)):
      let isV4 = source.isIPv4 && destination.isIPv4
      encode(source, isV4, into: &output)
      encode(destination, isV4, into: &output)
      output.appendBigEndian(UInt64(sourcePort), 2)
      output.appendBigEndian(UInt64(destinationPort), 2)
      return isV4 ? 0x11 : 0x21
    case (.unix(let source), .unix(let destination)):
      encode(path: source, into: &output)
      encode(path: destination, into: &output)
      return 0x31
    case (nil, .unix(let destination)):
      // Clients seldom bind their end of a unix socket.
      encode(path: "", into: &output)
      encode(path: destination, into: &output)
      return 0x31
    default: return 0x00
    }
  }

  private static func encode(_ address: IPAddress, _ isV4: Bool, into output: inout [UInt8]) {
    if !isV4 { output.appendBigEndian(address.high, 8) }
    output.appendBigEndian(address.low, isV4 ? 4 : 8)
  }

  /// `@name` is ours for the abstract namespace, whose first byte is NUL.
  private static func encode(path: String, into output: inout [UInt8]) {
    let end = output.count + 108
    for byte in path.utf8.prefix(108) {
      let isAbstract = byte == 0x40 && output.count == end - 108
      output.append(isAbstract ? 0 : byte)
    }
    while output.count < end { output.append(0) }
  }

  /// The checksum is the last part: its bytes are zero until here.
  private static func seal(_ output: inout [UInt8], from start: Int) {
    var sum = CRC32C()
    for index in start..<output.count { sum.add(output[index]) }
    output.removeLast(4)
    output.appendBigEndian(UInt64(sum.value), 4)
  }
}
