import Basics
import CAES
import COpenSSL
@testable import TLS
import Testing

/// The record layer against OpenSSL as the peer.
@Suite struct RecordLayerTests {
  private static let suites = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
  ]

  /// What this processor can seal and open AES-GCM by; without instructions, by EVP.
  private static let paths = [caes_path_none, caes_path_aesni, caes_path_avx2, caes_path_avx512].filter {
    $0.rawValue <= caes_path_best().rawValue
  }

  private func makeContext(tickets: Bool = true, aes: AESGCM = AESGCM()) throws -> TLSContext {
    try TLSTests.makeContext(
      ticketKeys: tickets
        ? TicketKeys(lifetime: .seconds(100), now: .zero, wallTime: WallTime(seconds: 0)) : nil, aes: aes
    ) {
      $0.recordLayer = .tidegate
    }
  }

  @Test(arguments: suites, [true, false])
  func aConnectionGoesOnWithoutOpenSSL(suite: String, tickets: Bool) throws {
    let client = TestClient(.init(cipherSuites: suite))
    let link = try #require(RecordLink(makeContext(tickets: tickets), client))
    #expect(link.cipherSuite.description == suite)
    client.write(Array("question".utf8))
    #expect(link.read(from: client).bytes == Array("question".utf8))
    client.receive(try #require(link.seal(Array("answer".utf8))))
    #expect(client.read().bytes == Array("answer".utf8))
    client.closeNotify()
    #expect(link.read(from: client).1 == .closed)
    client.receive(try #require(link.seal([1])))
    client.receive(link.closeNotify())
    #expect(client.read() == ([1], .done))
    #expect(link.seal([1]) == nil)
    #expect(link.closeNotify().isEmpty)
  }

  @Test func aResumedConnectionGoesOnAndCanBeResumedAgain() throws {
    let context = try makeContext()
    var session: TestClient.Session?
    for round in 0..<3 {
      let client = TestClient(.init(session: session))
      let link = try #require(RecordLink(context, client))
      #expect(client.isResumed == (round > 0))
      client.write([1, 2, 3])
      #expect(link.read(from: client).bytes == [1, 2, 3])
      client.receive(try #require(link.seal([4])))
      #expect(client.read().bytes == [4])
      client.closeNotify()
      session = client.session
    }
  }

  @Test func theClientThatLeavesTheChoiceGetsTheCheapestSuite() throws {
    let link = try #require(RecordLink(makeContext(), TestClient()))
    #expect(link.cipherSuite == .aes128GCM)
  }

  @Test(arguments: suites)
  func aConnectionsStateIsSmallWithEverySuite(suite: String) throws {
    let link = try #require(RecordLink(makeContext(), TestClient(.init(cipherSuites: suite))))
    #expect(link.stateCount <= 144)
    #expect(link.stateCount + MemoryLayout<RecordLayer>.size <= 160)
  }

  @Test func aSessionOfTLS12OrWithoutOurRecordLayerStays() throws {
    #expect(RecordLink(try makeContext(), TestClient(.init(version: TLS1_2_VERSION))) == nil)
    #expect(RecordLink(try TLSTests.makeContext(), TestClient()) == nil)
  }

  @Test(arguments: suites, paths)
  func largeTransfersArriveWholeWhateverTheSplitsAndKeyUpdates(suite: String, path: caes_path) throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let context = try makeContext(aes: AESGCM(path: path))
    // Our own updates come often.
    context.library.recordsPerKey = 7
    let client = TestClient(.init(cipherSuites: suite))
    let link = try #require(RecordLink(context, client))
    let data = (0..<400_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var fromClient: [UInt8] = []
    var fromServer: [UInt8] = []
    var sent = 0
    while sent < data.count {
      let limit = Bool.random(using: &generator) ? 200 : RecordLayer.plaintextLimit
      let part = Array(data[sent..<min(data.count, sent + Int.random(in: 1...limit, using: &generator))])
      sent += part.count
      if Int.random(in: 0..<5, using: &generator) == 0 {
        let wants = Bool.random(using: &generator)
        SSL_key_update(client.ssl, wants ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED)
      }
      client.write(part)
      fromClient += link.read(from: client, part: { Int.random(in: 1...20000, using: &generator) }).bytes
      client.receive(try #require(link.seal(part)))
      fromServer += client.read().bytes
    }
    #expect(link.pending.isEmpty)
    #expect(fromClient == data)
    #expect(fromServer == data)
  }

  @Test func aRequestedKeyUpdateIsAnsweredBeforeTheNextDataOnce() throws {
    let client = TestClient()
    let link = try #require(RecordLink(makeContext(), client))
    for _ in 0..<3 {
      SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED)
      client.write([1])
    }
    #expect(link.read(from: client).bytes == [1, 1, 1])
    #expect(link.owesKeyUpdate)
    let answer = try #require(link.seal([2]))
    #expect(answer.count == RecordLayer.shortRecord(5) + RecordLayer.shortRecord(1))
    #expect(!link.owesKeyUpdate)
    client.receive(answer)
    #expect(client.read().bytes == [2])
    #expect(link.seal([3])?.count == RecordLayer.shortRecord(1))
  }

  @Test func manyRecordsAreOpenedByOneCallIntoOnePiece() throws {
    let client = TestClient()
    let link = try #require(RecordLink(makeContext(), client))
    var expected: [UInt8] = []
    for byte in 0..<UInt8(40) {
      let part = [UInt8](repeating: byte, count: Int(byte) * 20 + 1)
      client.write(part)
      expected += part
    }
    var input = client.takeOutput() + [23, 3, 3]
    let progress = input.withUnsafeMutableBytes { link.open($0) }
    #expect(progress.status == .wantsInput(missing: 2))
    #expect(progress.consumed == input.count - 3)
    #expect(Array(input[progress.data]) == expected)
  }

  @Test func whatCameWithTheHandshakesEndIsOpened() throws {
    let context = try makeContext()
    let client = TestClient()
    let session = Link(context)
    _ = client.handshake()
    session.pending = client.takeOutput()
    #expect(session.handshakeOnce(client, .max) == .waiting)
    #expect(client.handshake() == .done)
    client.write([1, 2, 3])
    session.pending = client.takeOutput()
    #expect(session.handshakeOnce(client, .max) == .established)
    let link = try #require(RecordLink(from: session, context))
    #expect(link.read() == ([1, 2, 3], .wantsInput(missing: 5)))
  }

  @Test func aBrokenRecordIsRefusedAndTheClientUnderstandsTheAlert() throws {
    let client = TestClient()
    let link = try #require(RecordLink(makeContext(), client))
    client.write([1])
    client.write([2])
    link.pending = client.takeOutput()
    link.pending[link.pending.count - 1] ^= 1
    let (bytes, status) = link.read()
    #expect(bytes == [1])
    #expect(status == .failed(.recordError(alert: 20)))
    client.receive(link.alert(for: .recordError(alert: 20)))
    #expect(client.read().step == .failed(1020))
    #expect(link.seal([1]) == nil)
  }

  @Test func theClientsAlertIsNamed() throws {
    let client = TestClient()
    let link = try #require(RecordLink(makeContext(), client))
    client.receive([23, 3, 3, 0, 20] + [UInt8](repeating: 0, count: 20))
    #expect(client.read().step != .waits)
    #expect(link.read(from: client).1 == .failed(.peerAlert(20)))
    #expect(link.alert(for: .peerAlert(20)).isEmpty)
  }
}
