import Basics
import Testing

@testable import Wire

@Suite struct ClientHelloTests {
  private func scan(_ pieces: [[UInt8]]) -> ClientHelloScan {
    var scanner = ClientHelloScanner()
    var collected: [UInt8] = []
    for piece in pieces {
      collected += piece
      let result = scanner.scan(collected.span)
      if result != .incomplete { return result }
    }
    return .incomplete
  }

  private func hello(_ raw: [UInt8]) throws -> ClientHello {
    guard case .complete(let hello) = scan([raw]) else { throw ClientHelloError.structure }
    return hello
  }

  private static let ticket = [UInt8](1...40)
  private static let name = TicketName(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)

  private static let full = HelloBuilder(
    sessionID: [UInt8](repeating: 5, count: 32),
    extensions: [
      (0, HelloBuilder.serverName("a.example")), (10, HelloBuilder.part(2, HelloBuilder.numbers([29, 23]))),
      (13, HelloBuilder.part(2, HelloBuilder.numbers([0x0804, 0x0403]))), (35, ticket), (0x1234, [1]),
      (16, HelloBuilder.part(2, HelloBuilder.part(1, bytes("h2")) + HelloBuilder.part(1, bytes("http/1.1")))),
      (43, HelloBuilder.part(1, HelloBuilder.numbers([0x0a0a, 0x0304, 0x0303]))),
      (
        41,
        HelloBuilder.part(
          2, HelloBuilder.part(2, ticket) + [0, 0, 0, 1] + HelloBuilder.part(2, [9]) + [0, 0, 0, 2])
          + HelloBuilder.part(2, HelloBuilder.part(1, [UInt8](repeating: 0, count: 32)))
      ),
    ])

  @Test func readsAHelloThatWasRecorded() throws {
    let hello = try hello(recordedHello)
    #expect(hello.serverName == "chat.example.com")
    #expect(hello.offersTLS13 && hello.offersTLS12 && hello.hasALPN && hello.alpnHasHTTP1)
    #expect(hello.takesECDSA && hello.groups.contains(23) && hello.sessionID.count == 32)
    #expect(hello.takesTickets && hello.ticket == nil && hello.pskTickets.isEmpty)
  }

  @Test func readsEverythingAtEverySplitOfBytesAndRecords() throws {
    let whole = try hello(Self.full.records())
    #expect(whole.serverName == "a.example" && whole.groups == [29, 23])
    #expect(whole.signatureAlgorithms == [0x0804, 0x0403] && whole.takesECDSA && whole.alpnHasHTTP1)
    #expect(whole.offersTLS13 && whole.offersTLS12 && whole.sessionID == [UInt8](repeating: 5, count: 32))
    #expect(whole.takesTickets && whole.ticket == Self.name && whole.pskTickets == [Self.name])
    for size in [1, 2, 3, 4, 5, 7, 50, 100] {
      let raw = Self.full.records(of: size)
      #expect(scan([raw]) == .complete(whole), "records of \(size)")
      #expect(scan(raw.map { [$0] }) == .complete(whole), "records of \(size), byte by byte")
    }
    let raw = Self.full.records()
    for cut in 0..<raw.count {
      #expect(scan([Array(raw[..<cut])]) == .incomplete)
      #expect(scan([Array(raw[..<cut]), Array(raw[cut...])]) == .complete(whole))
    }
  }

  @Test func takesTheOldFieldForTheVersionWhereThereIsNoOther() throws {
    let new = try hello(HelloBuilder().records())
    #expect(new.offersTLS12 && !new.offersTLS13 && new.serverName == nil && !new.hasALPN)
    let old = try hello(HelloBuilder(version: 0x0301).records())
    #expect(!old.offersTLS12 && !old.offersTLS13 && !old.takesECDSA)
  }

  @Test func keepsNoMoreThanEightPreSharedKeys() throws {
    var identities: [UInt8] = []
    for _ in 0..<20 { identities += HelloBuilder.part(2, Self.ticket) + [0, 0, 0, 1] }
    let body = HelloBuilder.part(2, identities) + HelloBuilder.part(2, [1, 2])
    #expect(try hello(HelloBuilder(extensions: [(41, body)]).records()).pskTickets.count == 8)
  }

  @Test(arguments: [
    bytes("GET / HTTP/1.1\r\n"), [22, 2], [21, 3, 1], [0x80, 0x2e, 1, 3, 1], bytes("PROXY"),
  ])
  func tellsWhatIsNoTLS(_ raw: [UInt8]) {
    #expect(scan([raw]) == .notTLS)
    #expect(scan(raw.map { [$0] }) == .notTLS)
  }

  @Test(
    arguments: [
      ([22, 3, 1, 0, 0], ClientHelloError.record), ([22, 3, 1, 0x40, 1], .record),
      ([22, 3, 1, 0, 9, 2], .record),
      ([22, 3, 1, 0, 4, 1, 0, 0x40, 0], .tooLong), ([22, 3, 1, 0, 4, 1, 0, 0, 9, 23], .record),
      ([22, 3, 1, 0, 1, 1, 22, 3, 3, 0, 0], .record), ([22, 3, 1, 0, 4, 1, 0, 0, 0], .structure),
      ([22, 3, 1, 0x3f, 0xff], .tooLong), ([22, 3, 1, 0x40, 0, 2], .tooLong),
    ] as [([UInt8], ClientHelloError)])
  func refusesWrongRecordsAtEverySplit(_ raw: [UInt8], _ error: ClientHelloError) {
    #expect(scan([raw]) == .malformed(error))
    #expect(scan(raw.map { [$0] }) == .malformed(error))
  }

  @Test(
    arguments: [
      ([(0, HelloBuilder.serverName("a b"))], ClientHelloError.serverName),
      ([(0, HelloBuilder.serverName(""))], .serverName), ([(0, [0, 9])], .structure), ([(0, [])], .structure),
      ([(0, HelloBuilder.part(2, [1] + HelloBuilder.part(2, bytes("a"))))], .serverName),
      ([(0, HelloBuilder.serverName("a") + [1])], .structure), ([(10, [0, 3, 0, 23, 0])], .structure),
      ([(0, HelloBuilder.serverName(String(repeating: "a", count: 256)))], .serverName),
      ([(10, [0, 0])], .structure), ([(16, [0, 2, 5, 1])], .structure), ([(16, [0, 1, 0])], .structure),
      ([(43, [3, 3, 4, 3])], .structure), ([(35, []), (35, [])], .duplicateExtension),
      ([(41, [0, 0, 0, 0])], .structure),
      ([(41, [0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 1, 1]), (35, [])], .preSharedKey),
    ] as [([(UInt64, [UInt8])], ClientHelloError)])
  func refusesWrongExtensions(_ extensions: [(UInt64, [UInt8])], _ error: ClientHelloError) {
    let builder = HelloBuilder(extensions: extensions.map { (type: $0.0, body: $0.1) })
    #expect(scan([builder.records()]) == .malformed(error))
  }

  @Test func refusesASessionIdentifierThatIsTooLong() {
    let builder = HelloBuilder(sessionID: [UInt8](repeating: 0, count: 33))
    #expect(scan([builder.records()]) == .malformed(.structure))
  }

  @Test func givesTheSameAnswerForAnySplitOfDamagedHellos() {
    var random = generator()
    for _ in 0..<1500 {
      var message = Self.full.message
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        message[Int.random(in: 0..<message.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      var raw = HelloBuilder.records(message, of: Int.random(in: 1...400, using: &random))
      if Bool.random(using: &random) { raw[Int.random(in: 0..<raw.count, using: &random)] ^= 1 }
      #expect(scan(random.pieces(raw)) == scan([raw]), "\(raw)")
    }
  }
}
