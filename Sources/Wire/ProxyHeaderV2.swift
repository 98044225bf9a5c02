internal import Basics

/// The binary form: signature, command, family, length, addresses, and type-length-value parts.
struct ProxyHeaderV2 {
  static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
  static let fixedLength = 16

  let limit: Int

  func scan(_ bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeaderScan {
    for index in 0..<min(bytes.count, Self.signature.count) where bytes[index] != Self.signature[index] {
      throw .signature
    }
    if bytes.count > 12, bytes[12] & 0xfe != 0x20 { throw .version }
    guard bytes.count >= Self.fixedLength else { return .incomplete }
    let end = Self.fixedLength + Int(bytes.bigEndian(14..<16))
    guard end <= limit else { throw .tooLong }
    guard bytes.count >= end else { return .incomplete }
    // A local header's addresses mean nothing and may be of any family.
    if bytes[12] == 0x20 { return .complete(.local, length: end) }
    var reader = ByteReader(Self.fixedLength..<end)
    var header = try addresses(family: bytes[13], &reader, in: bytes)
    try parts(&reader, into: &header, in: bytes, end: end)
    return .complete(header, length: end)
  }

  private func addresses(
    family: UInt8, _ reader: inout ByteReader, in bytes: Span<UInt8>
  ) throws(ProxyHeaderError) -> ProxyHeader {
    switch family {
    case 0x00: return ProxyHeader(source: nil, destination: nil)
    case 0x11, 0x21:
      let size = family == 0x11 ? 4 : 16
      guard let source = reader.take(size), let destination = reader.take(size),
        let sourcePort = reader.number(2, in: bytes), let destinationPort = reader.number(2, in: bytes)
      else { throw .structure }
      return ProxyHeader(
        source: endpoint(source, UInt16(sourcePort), in: bytes),
        destination: endpoint(destination, UInt16(destinationPort), in: bytes))
    case 0x31:
      guard let source = reader.take(108), let destination = reader.take(108) else { throw .structure }
      return ProxyHeader(source: path(source, in: bytes), destination: path(destination, in: bytes))
    default: throw .address
    }
  }

  private func endpoint(_ range: Range<Int>, _ port: UInt16, in bytes: Span<UInt8>) -> Endpoint {
    if range.count == 4 {
      return .ip(IPAddress(ipv4: UInt32(truncatingIfNeeded: bytes.bigEndian(range))), port: port)
    }
    let middle = range.lowerBound + 8
    let high = bytes.bigEndian(range.lowerBound..<middle)
    return .ip(IPAddress(ipv6High: high, low: bytes.bigEndian(middle..<range.upperBound)), port: port)
  }

  /// Up to the first NUL; a NUL before it is the abstract namespace. Nil for a socket without a name.
  private func path(_ range: Range<Int>, in bytes: Span<UInt8>) -> Endpoint? {
    var text: [UInt8] = []
    for index in range {
      let byte = bytes[index]
      if byte == 0 && index > range.lowerBound { break }
      text.append(byte == 0 ? 0x40 : byte)
    }
    return text == [0x40] && bytes[range.lowerBound] == 0
      ? nil : .unix(path: String(decoding: text, as: UTF8.self))
  }

  private func parts(
    _ reader: inout ByteReader, into header: inout ProxyHeader, in bytes: Span<UInt8>, end: Int
  ) throws(ProxyHeaderError) {
    while !reader.isAtEnd {
      guard let type = reader.number(1, in: bytes), let part = reader.part(lengthBytes: 2, in: bytes) else {
        throw .structure
      }
      switch ProxyHeaderPart(rawValue: UInt8(type)) {
      case .alpn: header.alpn = copy(part, bytes)
      case .authority: header.authority = copy(part, bytes)
      case .uniqueID:
        guard part.rest.count <= ProxyHeader.uniqueIDLimit else { throw .tooLong }
        header.uniqueID = copy(part, bytes)
      case .checksum: try check(part.rest, in: bytes, end: end)
      case .tls: header.tls = try tls(part, in: bytes)
      default: break
      }
    }
  }

  private func copy(_ part: ByteReader, _ bytes: Span<UInt8>) -> [UInt8] {
    var copy: [UInt8] = []
    bytes.append(part.rest, to: &copy)
    return copy
  }

  private func tls(_ part: ByteReader, in bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeader.TLS {
    var part = part
    guard let client = part.number(1, in: bytes), let verify = part.number(4, in: bytes) else {
      throw .structure
    }
    var tls = ProxyHeader.TLS(client: UInt8(client), verify: UInt32(verify))
    while !part.isAtEnd {
      guard let type = part.number(1, in: bytes), let value = part.part(lengthBytes: 2, in: bytes) else {
        throw .structure
      }
      switch ProxyHeaderPart(rawValue: UInt8(type)) {
      case .tlsVersion: tls.version = copy(value, bytes)
      case .tlsCommonName: tls.commonName = copy(value, bytes)
      case .tlsCipher: tls.cipher = copy(value, bytes)
      case .tlsSignatureAlgorithm: tls.signatureAlgorithm = copy(value, bytes)
      case .tlsKeyAlgorithm: tls.keyAlgorithm = copy(value, bytes)
      default: break
      }
    }
    return tls
  }

  /// Over the whole header, the checksum's own bytes taken as zero.
  private func check(_ place: Range<Int>, in bytes: Span<UInt8>, end: Int) throws(ProxyHeaderError) {
    guard place.count == 4 else { throw .structure }
    var sum = CRC32C()
    for index in 0..<end { sum.add(place.contains(index) ? 0 : bytes[index]) }
    guard UInt64(sum.value) == bytes.bigEndian(place) else { throw .checksum }
  }
}
