/// The checksum of PROXY v2 (Castagnoli's polynomial, reflected; RFC 3720 appendix B.4).
struct CRC32C {
  private var state: UInt32 = 0xffff_ffff

  var value: UInt32 { state ^ 0xffff_ffff }

  mutating func add(_ byte: UInt8) {
    state = Self.table[Int(truncatingIfNeeded: (state ^ UInt32(byte)) & 255)] ^ state >> 8
  }

  private static let table: [UInt32] = (0..<256).map { index in
    var value = UInt32(index)
    for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
    return value
  }
}
