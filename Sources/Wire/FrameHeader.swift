/// The opcodes of RFC 6455 section 5.2.
public enum FrameOpcode: UInt8, Sendable, CaseIterable {
  case continuation = 0
  case text = 1
  case binary = 2
  case close = 8
  case ping = 9
  case pong = 10

  /// True exactly when frames with it can't be fragmented and carry at most 125 bytes.
  public var isControl: Bool { rawValue >= 8 }
}

/// How a stream breaks RFC 6455 section 5.
public enum FrameViolation: UInt8, Error, Sendable, CaseIterable {
  case reservedOpcode
  /// A control frame of more than 125 bytes, or a close frame of 1.
  case controlLength
  case fragmentedControl
  /// A continuation of nothing, or a new message within another.
  case continuation
  /// Masked by the backend, or unmasked by the client.
  case mask
  /// A length with more bytes than it needs, or beyond 2^63.
  case length
}

/// What is before a frame's payload (RFC 6455 section 5.2).
public struct FrameHeader: Hashable, Sendable {
  public var isFinal: Bool
  /// The three reserved bits, as the lowest bits of a byte; an extension gives them a meaning.
  public var reserved: UInt8
  public var opcode: FrameOpcode
  /// The masking key, its first byte the highest; nil when the payload isn't masked.
  public var mask: UInt32?
  /// Bytes.
  public var payloadLength: UInt64

  public init(
    opcode: FrameOpcode, isFinal: Bool = true, reserved: UInt8 = 0, mask: UInt32? = nil, payloadLength: UInt64
  ) {
    self.isFinal = isFinal
    self.reserved = reserved
    self.opcode = opcode
    self.mask = mask
    self.payloadLength = payloadLength
  }

  public enum Decoding: Hashable, Sendable {
    case incomplete
    /// The header and how many bytes it takes, 2 to 14.
    case header(FrameHeader, length: Int)
    case malformed(FrameViolation)
  }

  /// Reads the header that the bytes begin with.
  public static func decode(_ bytes: Span<UInt8>) -> Decoding {
    guard bytes.count >= 2 else { return .incomplete }
    let (first, second) = (bytes[0], bytes[1])
    guard let opcode = FrameOpcode(rawValue: first & 15) else { return .malformed(.reservedOpcode) }
    if opcode.isControl && first & 0x80 == 0 { return .malformed(.fragmentedControl) }
    let short = second & 0x7f
    if opcode.isControl && (short > 125 || opcode == .close && short == 1) {
      return .malformed(.controlLength)
    }
    let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
    let isMasked = second & 0x80 != 0
    let end = 2 + lengthBytes + (isMasked ? 4 : 0)
    guard bytes.count >= end else { return .incomplete }
    let length = lengthBytes == 0 ? UInt64(short) : bytes.bigEndian(2..<2 + lengthBytes)
    guard isMinimal(length, lengthBytes) else { return .malformed(.length) }
    let header = FrameHeader(
      opcode: opcode, isFinal: first & 0x80 != 0, reserved: first >> 4 & 7,
      mask: isMasked ? UInt32(truncatingIfNeeded: bytes.bigEndian(end - 4..<end)) : nil, payloadLength: length
    )
    return .header(header, length: end)
  }

  /// True exactly when the length needs as many extended bytes as it has, and is below 2^63.
  static func isMinimal(_ length: UInt64, _ lengthBytes: Int) -> Bool {
    switch lengthBytes {
    case 2: length > 125
    case 8: length > 65535 && length < 1 << 63
    default: true
    }
  }

  /// Appends the header's bytes, with the shortest form of the length.
  public func encode(to output: inout [UInt8]) {
    assert(payloadLength < 1 << 63 && reserved < 8)
    output.append((isFinal ? 0x80 : 0) | reserved << 4 | opcode.rawValue)
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    if payloadLength <= 125 {
      output.append(maskBit | UInt8(truncatingIfNeeded: payloadLength))
    } else {
      let lengthBytes = payloadLength <= 65535 ? 2 : 8
      output.append(maskBit | (lengthBytes == 2 ? 126 : 127))
      for place in (0..<lengthBytes).reversed() {
        output.append(UInt8(truncatingIfNeeded: payloadLength >> (8 * UInt64(place))))
      }
    }
    guard let mask else { return }
    for place in (0..<4).reversed() { output.append(UInt8(truncatingIfNeeded: mask >> (8 * UInt32(place)))) }
  }
}

extension Span where Element == UInt8 {
  /// Up to 8 bytes as a number in network byte order.
  func bigEndian(_ range: Range<Int>) -> UInt64 {
    var value: UInt64 = 0
    for index in range { value = value << 8 | UInt64(self[index]) }
    return value
  }
}
