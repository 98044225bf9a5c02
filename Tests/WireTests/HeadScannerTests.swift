import Testing

import Wire

@Suite struct HeadScannerTests {
  /// Feeds growing prefixes, cut at the given places.
  private func scan(_ text: String, cuts: [Int] = [], limit: Int = 16384) -> HeadScan {
    let all = bytes(text)
    var scanner = HeadScanner(limit: limit)
    for cut in cuts {
      let result = scanner.scan(Array(all[..<cut]).span)
      if result != .incomplete { return result }
    }
    return scanner.scan(all.span)
  }

  @Test func findsTheEndOfAHeadAtEverySplit() {
    let head = upgrade()
    let whole = HeadScan.complete(length: head.utf8.count)
    for cut in 0..<head.utf8.count {
      #expect(scan(head + "frames", cuts: [cut]) == whole, "cut at \(cut)")
    }
    #expect(scan(head, cuts: Array(0..<head.utf8.count)) == whole)
    #expect(scan(String(head.dropLast())) == .incomplete)
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\nHost: a\n\n", HeadError.bareLineFeed), ("\n", .bareLineFeed),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", .bareLineFeed), ("GET /\r HTTP/1.1\r\n\r\n", .bareCarriageReturn),
    ("GET / HTTP/1.1\r\r\n", .bareCarriageReturn), ("GET / HTTP/1.1\r\nA: b\u{0}c\r\n\r\n", .controlByte),
    ("\u{16}\u{3}\u{1}", .controlByte), ("\r\n", .startLine),
    ("GET / HTTP/1.1\r\nA: \u{7f}\r\n\r\n", .controlByte),
  ])
  func refusesAtTheFirstWrongByteWhereverTheSplitIs(_ text: String, _ error: HeadError) {
    for cut in 0...text.utf8.count {
      #expect(scan(text, cuts: [cut]) == .malformed(error), "cut at \(cut)")
    }
  }

  @Test func tellsALongTargetFromALongHead() {
    #expect(scan("GET /" + String(repeating: "a", count: 100), limit: 50) == .tooLong(.targetTooLong))
    let field = "GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 100)
    #expect(scan(field, limit: 50) == .tooLong(.headTooLong))
    let exact = "GET / HTTP/1.1\r\nA: b\r\n\r\n"
    #expect(scan(exact, limit: exact.utf8.count) == .complete(length: exact.utf8.count))
    #expect(scan(exact, limit: exact.utf8.count - 1) == .tooLong(.headTooLong))
  }
}
