import Testing

@testable import Wire

@Suite struct BodyFramerTests {
  /// Feeds the pieces until the body ends; how many bytes belonged to it, and the last state.
  private func frame(_ kind: BodyKind, _ pieces: [[UInt8]]) -> BodyProgress {
    var framer = BodyFramer(kind)
    var total = 0
    var state = BodyProgress.State.more
    for piece in pieces where state == .more {
      let progress = framer.consume(piece.span)
      total += progress.count
      state = progress.state
    }
    return BodyProgress(count: total, state: state)
  }

  private func expectAtEverySplit(_ kind: BodyKind, _ text: String, _ expected: BodyProgress) {
    let all = bytes(text)
    #expect(frame(kind, [all]) == expected, "\(text.debugDescription)")
    #expect(frame(kind, all.map { [$0] }) == expected, "\(text.debugDescription) byte by byte")
    for cut in 0...all.count {
      #expect(frame(kind, [Array(all[..<cut]), Array(all[cut...])]) == expected, "cut at \(cut)")
    }
  }

  @Test func endsByLength() {
    expectAtEverySplit(.length(5), "helloworld", BodyProgress(count: 5, state: .done))
    expectAtEverySplit(.length(5), "hell", BodyProgress(count: 4, state: .more))
    #expect(frame(.length(0), [[1]]) == BodyProgress(count: 0, state: .done))
    #expect(frame(.none, [[1]]) == BodyProgress(count: 0, state: .done))
  }

  @Test func endsWithTheConnection() {
    expectAtEverySplit(.untilClose, "anything", BodyProgress(count: 8, state: .more))
    #expect(BodyFramer(.untilClose).endsWithConnection && !BodyFramer(.chunked).endsWithConnection)
  }

  @Test(arguments: [
    "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "00005\r\nhello\r\n000\r\n\r\n", "a\r\n0123456789\r\n0\r\n\r\n",
    "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", "5 \t;a\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n",
    "2\r\n\r\n\r\n0\r\n\r\n",
  ])
  func endsAfterTheLastChunk(_ text: String) {
    expectAtEverySplit(.chunked, text + "next", BodyProgress(count: text.utf8.count, state: .done))
  }

  @Test(arguments: [
    ("5\r\nhelloX", 8), ("5\nhello", 1), ("\r\n", 0), ("g\r\n", 0), ("-1\r\n", 0), ("0x5\r\n", 1),
    ("5 \r\n", 2),
    ("5\r\rhello", 2), ("5\r\nhello\n", 8), ("5\r\nhello\rX", 9), ("1000000000000000\r\n", 15),
    ("5;\u{0}\r\n", 2), ("0\r\nA\r\n", 4),
    ("0\r\n: a\r\n", 3), ("0\r\nA : b\r\n", 4), ("0\r\nA: b\r\n c\r\n", 9), ("0\r\n\rX", 4), ("5;a\n", 3),
    (" 5\r\n", 0),
  ])
  func refusesAtTheFirstWrongByte(_ text: String, _ count: Int) {
    expectAtEverySplit(.chunked, text, BodyProgress(count: count, state: .malformed))
  }

  @Test func boundsExtensionsAndTrailers() {
    let long = String(repeating: "a", count: 300)
    #expect(frame(.chunked, [bytes("5;" + long)]).state == .malformed)
    let trailer = "A: \(long)\r\n"
    #expect(frame(.chunked, [bytes("0\r\n" + String(repeating: trailer, count: 20) + "\r\n")]).state == .done)
    #expect(frame(.chunked, [bytes("0\r\n" + String(repeating: trailer, count: 40))]).state == .malformed)
  }

  @Test func findsRandomBodiesAtRandomSplits() {
    var random = generator()
    for _ in 0..<300 {
      var body: [UInt8] = []
      for _ in 0..<Int.random(in: 0...5, using: &random) {
        let chunk = random.bytes(Int.random(in: 1...300, using: &random))
        body +=
          bytes(String(chunk.count, radix: 16, uppercase: Bool.random(using: &random)) + "\r\n") + chunk
          + bytes("\r\n")
      }
      body += bytes("0\r\n\r\n")
      let pieces = random.pieces(body + [1, 2, 3])
      #expect(frame(.chunked, pieces) == BodyProgress(count: body.count, state: .done))
    }
  }
}
