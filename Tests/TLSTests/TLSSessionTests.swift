import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct TLSSessionTests {
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aClientConnectsAndBothSidesTalkAndClose(version: Int32) throws {
    let client = TestClient(.init(version: version, protocols: ["http/1.1"]))
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.session.version == (version == TLS1_3_VERSION ? .tls13 : .tls12))
    #expect(link.session.serverName == "localhost")
    #expect(link.session.applicationProtocol == "http/1.1")
    #expect(!link.isResumed)
    #expect(link.session.cipherSuite.id == client.cipherID)
    #expect(link.session.cipherSuite.description != "unknown")

    client.write(Array("question".utf8))
    #expect(link.read(for: client).bytes == Array("question".utf8))
    link.write(Array("answer".utf8), to: client)
    #expect(client.read().bytes == Array("answer".utf8))

    client.closeNotify()
    #expect(link.read(for: client).1 == .closed)
    // Half-closed: our direction is still open.
    link.write(Array("last words".utf8), to: client)
    link.closeNotify(to: client)
    let end = client.read()
    #expect(end.bytes == Array("last words".utf8))
    #expect(end.step == .done)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func ourCloseNotifyLeavesTheClientsDirectionOpen(version: Int32) throws {
    let client = TestClient(.init(version: version))
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    link.closeNotify(to: client)
    #expect(client.read().step == .done)
    client.write([1, 2, 3])
    #expect(link.read(for: client) == ([1, 2, 3], .wantsInput))
    // A second time says nothing.
    link.closeNotify(to: client)
    client.closeNotify()
    #expect(link.read(for: client).1 == .closed)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [1, 2, 7, 100])
  func aHandshakeInSmallPartsSucceeds(version: Int32, part: Int) throws {
    let client = TestClient(.init(version: version))
    let link = Link(try makeContext())
    #expect(link.handshake(with: client, part: { part }) == (.established, .done))
    client.write([42])
    #expect(link.read(for: client).bytes == [42])
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aHandshakeSplitAtAnyByteOfItsFirstFlightSucceeds(version: Int32) throws {
    let context = try makeContext()
    let probe = TestClient(.init(version: version))
    _ = probe.handshake()
    let count = probe.takeOutput().count
    for split in 1..<count {
      let client = TestClient(.init(version: version))
      let link = Link(context)
      var parts = [split]
      #expect(
        link.handshake(with: client, part: { parts.popLast() ?? .max }) == (.established, .done),
        "at \(split)")
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [1, 5, 64, 300])
  func aHandshakeWithLittleRoomForOutputSucceeds(version: Int32, room: Int) throws {
    let client = TestClient(.init(version: version))
    let link = Link(try makeContext(), room: room)
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.calls > 2)
  }

  @Test func whatFollowsTheHandshakeStaysInTheInput() throws {
    let client = TestClient(.init(version: TLS1_3_VERSION))
    let link = Link(try makeContext())
    _ = client.handshake()
    link.pending = client.takeOutput()
    #expect(link.handshakeOnce(client, .max) == .waiting)
    #expect(client.handshake() == .done)
    let finished = client.takeOutput()
    client.write([1, 2, 3])
    let record = client.takeOutput()
    link.pending = finished + record
    #expect(link.handshakeOnce(client, .max) == .established)
    #expect(link.pending == record)
    #expect(link.read(for: client).bytes == [1, 2, 3])
  }

  @Test func theClientWithAnotherProtocolIsToldSo() throws {
    let client = TestClient(.init(protocols: ["h2"]))
    let link = Link(try makeContext())
    let (end, step) = link.handshake(with: client)
    #expect(end == .failed(.noApplicationProtocol))
    #expect(step == .failed(1120))
  }

  @Test func ofSeveralProtocolsOursIsSelected() throws {
    let client = TestClient(.init(protocols: ["h2", "http/1.1"]))
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(client.applicationProtocol == "http/1.1")
  }

  @Test func withoutProtocolsOfOursTheClientsAreIgnored() throws {
    let client = TestClient(.init(protocols: ["mqtt"]))
    let link = Link(try makeContext { $0.applicationProtocols = [] })
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(client.applicationProtocol == nil)
  }

  @Test func anOldClientIsToldThatItsVersionIsUnsupported() throws {
    let client = TestClient(.init(version: TLS1_2_VERSION))
    let link = Link(try makeContext { $0.minimumVersion = .tls13 })
    let (end, step) = link.handshake(with: client)
    #expect(end == .failed(.unsupportedVersion))
    #expect(step == .failed(1070))
  }

  @Test func aClientWithoutACipherInCommonIsToldSo() throws {
    let client = TestClient(.init(version: TLS1_2_VERSION, ciphers: "AES128-SHA"))
    let link = Link(try makeContext())
    let (end, step) = link.handshake(with: client)
    #expect(end == .failed(.noSharedCipher))
    #expect(step == .failed(1040))
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "OPTIONS * HTTP/1.1\r\n\r\n",
    "\0\0\0\0\0\0\0\0\0",
  ])
  func whatIsNoTLSIsNamedSo(text: String) throws {
    let link = Link(try makeContext())
    link.pending = Array(text.utf8)
    #expect(link.handshakeOnce(TestClient(), .max) == .failed(.notTLS))
  }

  @Test func afterAFailureNothingIsTakenAndNothingProduced() throws {
    let client = TestClient()
    let link = Link(try makeContext())
    link.pending = Array("GET / HTTP/1.1\r\n\r\n".utf8)
    #expect(link.handshakeOnce(client, .max) == .failed(.notTLS))
    _ = client.handshake()
    link.pending = client.takeOutput()
    let count = link.pending.count
    #expect(link.handshakeOnce(client, .max) == .failed(.notTLS))
    #expect(link.pending.count == count)
  }

  @Test func aBrokenRecordEndsTheConnectionWithAnAlert() throws {
    for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
      let client = TestClient(.init(version: version))
      let link = Link(try makeContext())
      #expect(link.handshake(with: client) == (.established, .done))
      client.write([1, 2, 3])
      var record = client.takeOutput()
      record[record.count - 1] ^= 1
      link.pending += record
      let (bytes, status) = link.read(for: client)
      #expect(bytes.isEmpty)
      guard case .failed(.protocolError) = status else {
        Issue.record("a broken record was answered with \(status)")
        continue
      }
      #expect(client.read().step == .failed(1020))
    }
  }

  @Test func anAlertOfTheClientIsNamed() throws {
    let context = try makeContext()
    let client = TestClient(.init(version: TLS1_3_VERSION))
    let link = Link(context)
    #expect(link.handshake(with: client) == (.established, .done))
    // The client chokes on a broken record of ours, and says so.
    client.receive([23, 3, 3, 0, 20] + [UInt8](repeating: 0, count: 20))
    #expect(client.read().step != .waits)
    #expect(link.read(for: client).1 == .failed(.peerAlert(20)))
  }
}
