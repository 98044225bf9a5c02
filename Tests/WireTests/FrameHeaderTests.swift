import Testing

@testable import Wire

@Suite struct FrameHeaderTests {
  /// RFC 6455 section 5.7.
  @Test(
    arguments: [
      ([0x81, 0x05], FrameHeader(opcode: .text, payloadLength: 5)),
      (
        [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d], FrameHeader(opcode: .text, mask: 0x37fa_213d, payloadLength: 5)
      ),
      ([0x01, 0x03], FrameHeader(opcode: .text, isFinal: false, payloadLength: 3)),
      ([0x80, 0x02], FrameHeader(opcode: .continuation, payloadLength: 2)),
      ([0x89, 0x05], FrameHeader(opcode: .ping, payloadLength: 5)),
      ([0x82, 0x7e, 0x01, 0x00], FrameHeader(opcode: .binary, payloadLength: 256)),
      ([0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], FrameHeader(opcode: .binary, payloadLength: 65536)),
      ([0xc2, 0x7e, 0xff, 0xff], FrameHeader(opcode: .binary, reserved: 4, payloadLength: 65535)),
    ] as [([UInt8], FrameHeader)])
  func readsAndWrites(_ raw: [UInt8], _ header: FrameHeader) {
    #expect(FrameHeader.decode((raw + [9, 9]).span) == .header(header, length: raw.count))
    var output: [UInt8] = []
    header.encode(to: &output)
    #expect(output == raw)
    for end in 0..<raw.count { #expect(FrameHeader.decode(Array(raw[..<end]).span) == .incomplete) }
  }

  @Test(
    arguments: [
      ([0x83, 0], FrameViolation.reservedOpcode), ([0x8b, 0], .reservedOpcode),
      ([0x09, 0], .fragmentedControl),
      ([0x89, 126, 0, 126], .controlLength), ([0x88, 1], .controlLength), ([0x82, 126, 0, 125], .length),
      ([0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], .length),
      ([0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], .length),
    ] as [([UInt8], FrameViolation)])
  func refuses(_ raw: [UInt8], _ violation: FrameViolation) {
    #expect(FrameHeader.decode(raw.span) == .malformed(violation))
  }

  @Test func readsBackWhatItWrites() {
    var random = generator()
    for _ in 0..<2000 {
      let opcode = FrameOpcode.allCases.randomElement(using: &random)!
      let bits = UInt64.random(in: 0...62, using: &random)
      var length = UInt64.random(in: 0...(1 << bits), using: &random)
      if opcode.isControl { length = length % 2 == 0 ? 0 : 125 }
      let header = FrameHeader(
        opcode: opcode, isFinal: opcode.isControl || Bool.random(using: &random),
        reserved: UInt8.random(in: 0...7, using: &random),
        mask: Bool.random(using: &random) ? UInt32.random(in: 0 ... .max, using: &random) : nil,
        payloadLength: length)
      var output: [UInt8] = []
      header.encode(to: &output)
      #expect(FrameHeader.decode(output.span) == .header(header, length: output.count))
    }
  }
}
