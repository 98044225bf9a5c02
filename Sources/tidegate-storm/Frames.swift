import Glibc

/// WebSocket frames (RFC 6455 section 5), as much of them as a load needs.
enum Frames {
  enum Opcode {
    static let text: UInt8 = 1
    static let binary: UInt8 = 2
    static let close: UInt8 = 8
    static let ping: UInt8 = 9
    static let pong: UInt8 = 10
  }

  struct Header {
    var opcode: UInt8
    var isFinal: Bool
    var mask: UInt32?
    var headerSize: Int
    var payloadSize: Int
  }

  enum Scan {
    case incomplete
    case header(Header)
    case invalid
  }

  /// The header at the beginning of `bytes`; the payload need not be there yet.
  static func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
    guard bytes.count >= 2 else { return .incomplete }
    let isMasked = bytes[1] & 0x80 != 0
    let short = Int(bytes[1] & 0x7f)
    let extra = short == 126 ? 2 : short == 127 ? 8 : 0
    let headerSize = 2 + extra + (isMasked ? 4 : 0)
    guard bytes.count >= headerSize else { return .incomplete }
    var size = extra == 0 ? short : 0
    for index in 0..<extra { size = size << 8 | Int(bytes[2 + index]) }
    guard bytes[0] & 0x70 == 0, (0...(1 << 30)).contains(size) else { return .invalid }
    let mask = isMasked ? bytes.loadUnaligned(fromByteOffset: headerSize - 4, as: UInt32.self) : nil
    return .header(
      Header(
        opcode: bytes[0] & 0x0f, isFinal: bytes[0] & 0x80 != 0, mask: mask, headerSize: headerSize,
        payloadSize: size))
  }

  /// Appends a whole message in one frame. `mask` is in memory order; servers give none.
  static func append(
    to output: inout [UInt8], opcode: UInt8, payload: UnsafeRawBufferPointer, mask: UInt32?
  ) {
    let bit: UInt8 = mask == nil ? 0 : 0x80
    output.append(0x80 | opcode)
    switch payload.count {
    case ..<126: output.append(bit | UInt8(payload.count))
    case ..<65_536:
      output.append(bit | 126)
      withUnsafeBytes(of: UInt16(payload.count).bigEndian) { output.append(contentsOf: $0) }
    default:
      output.append(bit | 127)
      withUnsafeBytes(of: UInt64(payload.count).bigEndian) { output.append(contentsOf: $0) }
    }
    if let mask { withUnsafeBytes(of: mask) { output.append(contentsOf: $0) } }
    let start = output.count
    output.append(contentsOf: payload)
    guard let mask else { return }
    output.withUnsafeMutableBytes { apply(mask, to: UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
  }

  /// Masks or unmasks in place.
  static func apply(_ mask: UInt32, to bytes: UnsafeMutableRawBufferPointer) {
    let wide = UInt64(mask) << 32 | UInt64(mask)
    var offset = 0
    while offset + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
      offset += 8
    }
    while offset < bytes.count {
      bytes[offset] ^= UInt8(truncatingIfNeeded: mask >> UInt32(8 * (offset & 3)))
      offset += 1
    }
  }

  /// The code of a close frame's payload; 1005 when there is none (RFC 6455 section 7.1.5).
  static func closeCode(_ payload: UnsafeRawBufferPointer) -> Int {
    payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 1005
  }
}
