/// WebSocket frames as the simulated peers write and read them (RFC 6455 section 5.2).
struct SimulatedFrame {
  static let continuation: UInt8 = 0x0
  static let binary: UInt8 = 0x2
  static let close: UInt8 = 0x8
  static let ping: UInt8 = 0x9

  var opcode: UInt8
  var payload: [UInt8]
  /// True exactly when it ends its message.
  var isFinal = true

  /// The close frame of an orderly end: 1000.
  static let goodbye = SimulatedFrame(opcode: close, payload: [0x03, 0xe8])

  /// As a client sends it with a mask, as a server without.
  func encoded(mask: UInt32?) -> [UInt8] {
    var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
    let flag: UInt8 = mask == nil ? 0 : 0x80
    switch payload.count {
    case 0..<126: bytes.append(flag | UInt8(payload.count))
    case 126..<65536: bytes += [flag | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    default: bytes += [flag | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    guard let mask else { return bytes + payload }
    let key = (0..<4).map { UInt8(truncatingIfNeeded: mask >> (24 - 8 * $0)) }
    return bytes + key + Self.masked(payload, key)
  }

  /// A mask's effect, which undoes itself (section 5.3). By eight bytes, since tests run unoptimised.
  private static func masked(_ payload: [UInt8], _ key: [UInt8]) -> [UInt8] {
    var payload = payload
    let word = (0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(key[$1 & 3]) }
    payload.withUnsafeMutableBytes { bytes in
      var index = 0
      while index + 8 <= bytes.count {
        let masked = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ word
        bytes.storeBytes(of: masked.littleEndian, toByteOffset: index, as: UInt64.self)
        index += 8
      }
      while index < bytes.count {
        bytes[index] ^= key[index & 3]
        index += 1
      }
    }
    return payload
  }

  enum Reading {
    case incomplete
    case frame(SimulatedFrame, length: Int)
    /// Not masked, which no client may do.
    case malformed
  }

  /// Reads a client's frame at the stream's front.
  static func read(_ stream: ByteStream) -> Reading {
    guard stream.count >= 2 else { return .incomplete }
    guard stream[1] & 0x80 != 0 else { return .malformed }
    var length = Int(stream[1] & 0x7f)
    let extra = length == 126 ? 2 : length == 127 ? 8 : 0
    guard stream.count >= 6 + extra else { return .incomplete }
    if extra > 0 { length = (0..<extra).reduce(0) { $0 << 8 | Int(stream[2 + $1]) } }
    guard (0...1 << 20).contains(length) else { return .malformed }
    let total = 6 + extra + length
    guard stream.count >= total else { return .incomplete }
    let bytes = Array(stream.first(total))
    let key = Array(bytes[(2 + extra)..<(6 + extra)])
    let payload = masked(Array(bytes[(6 + extra)...]), key)
    return .frame(
      SimulatedFrame(opcode: bytes[0] & 0x0f, payload: payload, isFinal: bytes[0] & 0x80 != 0), length: total)
  }
}
