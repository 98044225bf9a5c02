import Basics
import Testing

@testable import Wire

@Suite struct FrameObserverTests {
  private func observe(_ pieces: [[UInt8]], from sender: FrameObserver.Sender) -> (FrameObserver, FrameFacts)
  {
    var observer = FrameObserver(from: sender)
    var total = FrameFacts()
    for piece in pieces { total += observer.observe(piece.span) }
    return (observer, total)
  }

  private func frame(_ header: FrameHeader, _ payload: [UInt8] = []) -> [UInt8] {
    var output: [UInt8] = []
    header.encode(to: &output)
    return output + payload
  }

  @Test func takesLittleMemory() {
    #expect(MemoryLayout<FrameObserver>.stride <= 32)
  }

  @Test func countsMessagesPingsAndTheCloseCodeAtEverySplit() {
    let mask: UInt32 = 0x0102_0304
    let stream =
      frame(FrameHeader(opcode: .text, isFinal: false, mask: mask, payloadLength: 3), [1, 2, 3])
      + frame(FrameHeader(opcode: .ping, mask: mask, payloadLength: 0))
      + frame(
        FrameHeader(opcode: .continuation, mask: mask, payloadLength: 200), [UInt8](repeating: 7, count: 200))
      + frame(FrameHeader(opcode: .pong, mask: mask, payloadLength: 1), [1])
      + frame(
        FrameHeader(opcode: .close, mask: mask, payloadLength: 4), [0x03 ^ 1, 0xf4 ^ 2, 0x61 ^ 3, 0x62 ^ 4])
    for cut in 0...stream.count {
      let (observer, facts) = observe([Array(stream[..<cut]), Array(stream[cut...])], from: .client)
      #expect(facts.messages == 1 && facts.payloadBytes == 203 && facts.pings == 1 && facts.pongs == 1)
      #expect(facts.closes == 1 && facts.closeCode == 1012 && facts.violation == nil)
      #expect(observer.sawClose && observer.isAtFrameBoundary && !observer.isOpaque)
    }
    #expect(observe(stream.map { [$0] }, from: .client).1 == observe([stream], from: .client).1)
  }

  @Test func knowsWhetherItIsBetweenFramesAndMessages() {
    var observer = FrameObserver(from: .backend)
    #expect(observer.isAtFrameBoundary && !observer.isInMessage)
    _ = observer.observe([0x01, 0x01].span)
    #expect(!observer.isAtFrameBoundary && observer.isInMessage)
    _ = observer.observe([0xff].span)
    #expect(observer.isAtFrameBoundary && observer.isInMessage)
    _ = observer.observe([0x80, 0x00].span)
    #expect(observer.isAtFrameBoundary && !observer.isInMessage)
    _ = observer.observe([0x89].span)
    #expect(!observer.isAtFrameBoundary && !observer.isInMessage)
  }

  @Test func reportsACloseWithoutACode() {
    let (observer, facts) = observe([[0x88, 0x00]], from: .backend)
    #expect(facts.closeCode == 1005 && observer.sawClose)
  }

  @Test(
    arguments: [
      ([0x83], FrameViolation.reservedOpcode), ([0x8f], .reservedOpcode), ([0x08], .fragmentedControl),
      ([0x80], .continuation),
      ([0x01, 0x00, 0x82], .continuation), ([0x81, 0x80], .mask), ([0x89, 0x7e], .controlLength),
      ([0x88, 0x01], .controlLength),
      ([0x82, 0x7e, 0, 0x7d], .length), ([0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], .length),
      ([0x82, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0], .length),
    ] as [([UInt8], FrameViolation)])
  func turnsOpaqueAtAViolation(_ stream: [UInt8], _ violation: FrameViolation) {
    var (observer, facts) = observe([stream], from: .backend)
    #expect(facts.violation == violation && observer.isOpaque && !observer.isAtFrameBoundary)
    #expect(observer.observe([0x81, 0x00].span) == FrameFacts())
    #expect(observe(stream.map { [$0] }, from: .backend).1 == facts)
  }

  @Test func wantsTheClientToMask() {
    #expect(observe([[0x81, 0x00]], from: .client).1.violation == .mask)
  }

  @Test func skipsPayloadsLargerThanAnyBuffer() {
    var observer = FrameObserver(from: .backend)
    _ = observer.observe([0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff].span)
    let facts = observer.observe([UInt8](repeating: 0x88, count: 100_000).span)
    #expect(facts.payloadBytes == 100_000 && facts.messages == 0 && !observer.isOpaque)
  }

  @Test func agreesWithTheReferenceOnRandomStreams() {
    var random = generator()
    for round in 0..<400 {
      let sender: FrameObserver.Sender = round % 2 == 0 ? .client : .backend
      var stream: [UInt8] = []
      for _ in 0..<Int.random(in: 1...12, using: &random) { stream += randomFrame(&random, sender) }
      if round % 3 == 0 {
        stream[Int.random(in: 0..<stream.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
      }
      stream.removeLast(Int.random(in: 0..<min(stream.count, 4), using: &random))
      let reference = ReferenceDecoder(stream, from: sender)
      let (observer, facts) = observe(random.pieces(stream), from: sender)
      #expect(facts == reference.facts, "\(stream)")
      #expect(observer.isAtFrameBoundary == reference.isAtBoundary)
      #expect(observer.sawClose == (reference.facts.closes > 0))
    }
  }

  /// Mostly what may come next, sometimes a fragment, rarely something wrong.
  private func randomFrame(_ random: inout SeededGenerator, _ sender: FrameObserver.Sender) -> [UInt8] {
    let mask: UInt32? = sender == .client ? UInt32.random(in: 0 ... .max, using: &random) : nil
    let size =
      Int.random(in: 0..<40, using: &random) == 0
      ? 66000 : [0, 2, 5, 125, 126, 300].randomElement(using: &random)!
    let payload = random.bytes(size)
    if size <= 125, Int.random(in: 0..<3, using: &random) == 0 {
      let opcode = [FrameOpcode.ping, .pong, .close].randomElement(using: &random)!
      let length = opcode == .close && size == 1 ? 0 : size
      return frame(
        FrameHeader(opcode: opcode, mask: mask, payloadLength: UInt64(length)), Array(payload.prefix(length)))
    }
    guard Bool.random(using: &random) else {
      return frame(FrameHeader(opcode: .binary, mask: mask, payloadLength: UInt64(size)), payload)
    }
    return frame(FrameHeader(opcode: .text, isFinal: false, mask: mask, payloadLength: UInt64(size)), payload)
      + frame(FrameHeader(opcode: .ping, mask: mask, payloadLength: 0))
      + frame(FrameHeader(opcode: .continuation, mask: mask, payloadLength: 2), [1, 2])
  }
}

extension FrameObserver {
  fileprivate mutating func observe(_ bytes: Span<UInt8>) -> FrameFacts {
    var facts = FrameFacts()
    observe(bytes, into: &facts)
    return facts
  }
}
