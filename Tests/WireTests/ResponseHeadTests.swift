import Testing

@testable import Wire

@Suite struct ResponseHeadTests {
  private func response(_ text: String, to kind: RequestKind = .other) -> Result<ResponseHead, HeadError> {
    ResponseHead.parse(bytes(text).span, to: kind)
  }
  private static let switching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

  @Test func recognisesTheSwitch() throws {
    let head = try response(Self.switching, to: .upgrade).get()
    #expect(head.isSwitch && !head.isInterim && head.body == .none && head.status == 101)
  }

  @Test(arguments: [
    "HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "HTTP/1.1 101 S\r\n\r\n",
    "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.0 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 4\r\n\r\n",
  ])
  func refusesASwitchToSomethingElse(_ text: String) {
    #expect(response(text, to: .upgrade) == .failure(.unexpectedSwitch))
  }

  @Test func refusesASwitchThatNobodyAskedFor() {
    #expect(response(Self.switching) == .failure(.unexpectedSwitch))
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\n\r\n", RequestKind.other, BodyKind.untilClose),
    ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", .other, .length(7)),
    ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", .head, .none),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .other, .chunked),
    ("HTTP/1.1 403 \r\nContent-Length: 7\r\n\r\n", .upgrade, .length(7)),
    ("HTTP/1.1 204\r\nContent-Length: 0\r\n\r\n", .other, .none),
    ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", .other, .none),
    ("HTTP/1.0 200\r\n\r\n", .other, .untilClose),
    ("HTTP/1.1 999 \u{e9}\r\nContent-Length: 0\r\n\r\n", .other, .length(0)),
    ("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", .upgrade, .none),
  ])
  func knowsWhereTheBodyEnds(_ text: String, _ kind: RequestKind, _ body: BodyKind) throws {
    #expect(try response(text, to: kind).get().body == body)
  }

  @Test func knowsInterimHeads() throws {
    #expect(try response("HTTP/1.1 100 Continue\r\n\r\n").get().isInterim)
    #expect(try !response("HTTP/1.1 200 OK\r\n\r\n").get().isInterim)
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n", HeadError.duplicateField),
    ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n", .conflictingLength),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .transferEncoding),
    ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .conflictingLength),
    ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .fieldLine), ("HTTP/1.1 200 OK\r\n A: b\r\n\r\n", .fieldLine),
    ("HTTP/2 200\r\n\r\n", .startLine), ("HTTP/1.1  200\r\n\r\n", .startLine),
    ("HTTP/1.1 20\r\n\r\n", .startLine),
    ("HTTP/1.1 2000\r\n\r\n", .startLine), ("HTTP/1.1 099 \r\n\r\n", .startLine),
    ("HTTP/1.7 200 \r\n\r\n", .version),
    ("ICY 200 OK\r\n\r\n", .startLine), ("HTTP/1.1 200 OK\nA: b\r\n\r\n", .bareLineFeed),
  ])
  func refuses(_ text: String, _ error: HeadError) {
    #expect(response(text) == .failure(error))
  }

  @Test func tellsTheClientThatTheConnectionEnds() throws {
    let raw = bytes("HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nServer: x\r\nconnection: keep-alive\r\n\r\n")
    var output: [UInt8] = []
    try ResponseHead.parse(raw.span, to: .other).get().write(to: &output, head: raw.span)
    #expect(text(output) == "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\n\r\n")
  }

  @Test func passesTheSwitchAndInterimHeadsAsTheyAre() throws {
    for (head, kind) in [
      (Self.switching, RequestKind.upgrade), ("HTTP/1.1 103 E\r\nConnection: x\r\n\r\n", .other),
    ] {
      var output: [UInt8] = []
      try response(head, to: kind).get().write(to: &output, head: bytes(head).span)
      #expect(text(output) == head)
    }
  }
}
