import Testing

@testable import Wire

@Suite struct RequestHeadTests {
  @Test func readsAnUpgrade() throws {
    let raw = bytes(
      upgrade(more: "Sec-WebSocket-Protocol: chat.v2, chat.v1\r\nOrigin: http://example.com\r\n"))
    let head = try RequestHead.parse(raw.span).get()
    #expect(head.isUpgrade && head.kind == .upgrade)
    #expect(head.length == raw.count)
    #expect(text(head.methodName, of: raw) == "GET")
    #expect(text(head.target, of: raw) == "/chat?room=1")
    #expect(text(head.path, of: raw) == "/chat")
    #expect(text(head.host, of: raw) == "example.com")
    #expect(text(head.subprotocol, of: raw) == "chat.v2")
    #expect(head.body == .none && !head.wantsClose && head.minorVersion == 1)
  }

  @Test(arguments: [
    upgrade(upgrade: "upgrade: WebSocket\r\n"), upgrade(connection: "connection: keep-alive,UPGRADE\r\n"),
    upgrade(upgrade: "Upgrade:\t h2c , websocket \r\n"), upgrade(more: "Content-Length: 0\r\n"),
    upgrade(connection: "Connection: keep-alive\r\nConnection: upgrade\r\n"),
    upgrade(more: "X: \u{e9}\t\r\n"),
    upgrade(line: "GET wss://example.com HTTP/1.1"), upgrade(host: "Host: [::1]:8443\r\n"),
    upgrade(line: "GET ws://EXAMPLE.com/a HTTP/1.1"), upgrade(more: "Connection:\r\n"),
  ])
  func takesWhatIsAnUpgrade(_ text: String) throws {
    #expect(try request(text).get().isUpgrade)
  }

  @Test(arguments: [
    (upgrade(version: ""), HeadError.upgradeVersion, 426), (upgrade(key: ""), .upgradeKey, 400),
    (upgrade(version: "Sec-WebSocket-Version: 8\r\n"), .upgradeVersion, 426),
    (upgrade(version: "Sec-WebSocket-Version: 13, 8\r\n"), .upgradeVersion, 426),
    (upgrade(key: "Sec-WebSocket-Key: short\r\n"), .upgradeKey, 400),
    (upgrade(key: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n"), .upgradeKey, 400),
    (upgrade(key: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQQQ\r\n"), .upgradeKey, 400),
    (upgrade(more: "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), .duplicateField, 400),
    (upgrade(more: "Sec-WebSocket-Version: 13\r\n"), .duplicateField, 400),
    (upgrade(more: "Upgrade: websocket\r\n"), .duplicateField, 400),
    (upgrade(line: "POST /chat HTTP/1.1"), .upgradeMethod, 405),
    (upgrade(more: "Content-Length: 5\r\n"), .upgradeWithBody, 400),
    (upgrade(more: "Transfer-Encoding: chunked\r\n"), .upgradeWithBody, 400),
    (upgrade(more: "Sec-WebSocket-Protocol: a b\r\n"), .subprotocol, 400),
    (upgrade(more: "Sec-WebSocket-Protocol:\r\n"), .subprotocol, 400),
  ])
  func refusesWhatIsAlmostAnUpgrade(_ text: String, _ error: HeadError, _ status: Int) {
    #expect(request(text) == .failure(error))
    #expect(error.status == status)
  }

  @Test(arguments: [
    upgrade(line: "GET / HTTP/1.0"), upgrade(upgrade: ""), upgrade(connection: ""),
    upgrade(upgrade: "Upgrade: h2c\r\n"), upgrade(upgrade: "Upgrade: websocket2\r\n"),
    upgrade(connection: "Connection: upgraded\r\n"),
  ])
  func takesForPlainWhatAsksForNoWebSocket(_ text: String) throws {
    let head = try request(text).get()
    #expect(!head.isUpgrade && head.subprotocol == nil)
  }

  @Test func readsPlainRequests() throws {
    let post = try request("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n").get()
    #expect(post.body == .length(12) && post.kind == .other && !post.wantsClose)
    let chunked = try request("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").get()
    #expect(chunked.body == .chunked)
    let old = try request("HEAD / HTTP/1.0\r\n\r\n").get()
    #expect(old.kind == .head && old.wantsClose && old.host == nil && old.body == .none)
    #expect(try request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").get().wantsClose)
    #expect(try !request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").get().wantsClose)
  }

  @Test func findsThePlacesInAnAbsoluteTarget() throws {
    let raw = bytes("GET http://a.example:81?x HTTP/1.1\r\nHost: a.example:81\r\n\r\n")
    let head = try RequestHead.parse(raw.span).get()
    #expect(text(head.host, of: raw) == "a.example")
    #expect(text(head.authority, of: raw) == "a.example:81")
    #expect(head.path.isEmpty && head.isAbsolute)
  }

  @Test func holdsTheLimits() throws {
    let limits = HeadLimits(bytes: 200, targetBytes: 10, fields: 3)
    let fields = { "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: $0) + "\r\n" }
    #expect(throws: Never.self) { try request(fields(2), limits: limits).get() }
    #expect(request(fields(3), limits: limits) == .failure(.tooManyFields))
    #expect(request(fields(40), limits: limits) == .failure(.headTooLong))
    #expect(
      request("GET /aaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n", limits: limits).isSuccess)
    #expect(
      request("GET /aaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n", limits: limits) == .failure(.targetTooLong))
  }

  @Test func neverTrapsOnAnything() {
    var random = generator()
    let seeds = [upgrade(), "POST http://a/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"]
    for round in 0..<4000 {
      var raw = bytes(seeds[round % seeds.count])
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<raw.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: raw[place] = UInt8.random(in: 0...255, using: &random)
        case 1: raw.remove(at: place)
        default: raw.insert(contentsOf: raw[0..<min(raw.count, place)].suffix(9), at: place)
        }
      }
      guard case .success(let head) = RequestHead.parse(raw.span) else { continue }
      // What is accepted is also a complete head to the scanner, and writes to a head that is accepted again.
      var scanner = HeadScanner()
      #expect(scanner.scan(raw.span) == .complete(length: raw.count))
      var output: [UInt8] = []
      if head.isUpgrade {
        head.writeUpgrade(to: &output, head: raw.span, forwarding: nil)
      } else {
        head.writePlain(to: &output, head: raw.span, forwarding: nil)
      }
      let again = try? RequestHead.parse(output.span).get()
      #expect(again?.body == head.body && again?.isUpgrade == head.isUpgrade, "\(text(raw))")
    }
  }
}

extension Result {
  var isSuccess: Bool { (try? get()) != nil }
}
