import Basics
import COpenSSL
import Testing

@testable import TLS

/// What is left to OpenSSL, and that it works then.
@Suite struct Handshake13FallbackTests {
  private func expectOpenSSL(
    _ context: TLSContext, _ what: String, _ options: TestClient.Options = .init(), room: Int = 32768,
    part: () -> Int = { .max }
  ) {
    let client = TestClient(options)
    let link = Link(context, room: room)
    #expect(link.handshake(with: client, part: part) == (.established, .done), "\(what)")
    #expect(!link.isOwn, "\(what)")
  }

  @Test func whatTheClientWantsThatIsUnusual() throws {
    let context = try makeOwnContext([.localhost, .localhostEd25519], ticketKeys: makeTicketKeys())
    expectOpenSSL(context, "TLS 1.2", .init(version: TLS1_2_VERSION))
    expectOpenSSL(context, "another group", .init(groups: "P-384"))
    expectOpenSSL(context, "another group first", .init(groups: "P-384:P-256"))
    expectOpenSSL(context, "a HelloRetryRequest", .init(groups: "X448:P-256"))
    expectOpenSSL(context, "another signature", .init(signatureAlgorithms: "ed25519"))
    #expect(converse(context)?.isOwn == true)
  }

  @Test func whatTheConfigurationHasThatIsUnusual() throws {
    expectOpenSSL(try makeOwnContext { $0.handshake = .openssl }, "as configured")
    expectOpenSSL(try makeOwnContext { $0.recordLayer = .openssl }, "OpenSSL's record layer")
    let authority = TestCertificate.make(.p256, names: [])
    expectOpenSSL(
      try makeOwnContext {
        $0.clientCertificates = .init(
          authorities: .text(authority.certificatePEM, name: "ca"), isRequired: false)
      }, "clients' certificates")
    let names = (0..<900).map { "a-long-name-number-\($0).example" } + ["localhost"]
    expectOpenSSL(try makeOwnContext([.make(.p256, names: names)]), "a long certificate")
  }

  @Test func whatComesInPiecesOrHasNoRoom() throws {
    let context = try makeOwnContext()
    for part in [1, 10, 200] { expectOpenSSL(context, "parts of \(part)", part: { part }) }
    for room in [1, 5, 64, 300, 1000] { expectOpenSSL(context, "room for \(room)", room: room) }
  }

  /// Whether a ClientHello with one more extension is answered by our own code.
  private func isOwn(_ context: TLSContext, _ type: Int, _ body: [UInt8]) -> Bool {
    let client = TestClient()
    let link = Link(context)
    _ = client.handshake()
    link.pending = HelloEditing.insert(type, body, into: client.takeOutput())
    _ = link.handshakeOnce(client, .max)
    return link.isOwn
  }

  @Test func extensionsThatAreNothingToUsAreIgnoredAndOthersAreNot() throws {
    let context = try makeOwnContext()
    for (type, body) in [
      (0x0a0a, []), (21, [UInt8](repeating: 0, count: 100)), (28, [0x40, 0]), (27, [2, 0, 2]), (18, []),
      (0xfe0d, [1]),
      (49, []), (5, [1, 0, 0, 0, 0]), (17, [9]),
    ] as [(Int, [UInt8])] {
      #expect(isOwn(context, type, body), "\(type)")
    }
    for (type, body) in [
      (1, [1]), (42, []), (44, [0, 1, 7]), (47, [0, 3, 0, 1, 0]), (50, [0, 2, 4, 3]), (49, [1]), (5, [2]),
      (41, []), (41, [0, 0, 0, 0]), (16, []), (16, [0, 1, 0]), (10, [0, 2, 0, 23]), (0, [0, 0]),
      (51, [0, 0]), (45, [0]),
    ] as [(Int, [UInt8])] {
      #expect(!isOwn(context, type, body), "\(type)")
    }
  }

  @Test func aClientWithAnotherProtocolIsToldSoByOpenSSL() throws {
    let client = TestClient(.init(protocols: ["h2"]))
    let link = Link(try makeOwnContext())
    #expect(link.handshake(with: client) == (.failed(.noApplicationProtocol), .failed(1120)))
  }

  @Test func badKeySharesAreRefusedByOpenSSL() throws {
    let context = try makeOwnContext()
    for share in KeyShare.bad + KeyShare.compressed {
      let client = TestClient(.init(groups: "P-256"))
      let link = Link(context)
      _ = client.handshake()
      link.pending = try #require(KeyShare.replace(in: client.takeOutput(), TLS1_3_VERSION, with: share))
      #expect(link.handshakeOnce(client, .max) != .waiting)
      #expect(!link.isOwn)
      #expect(client.handshake() == .failed(1047))
    }
  }

  /// Points of small order, of which every secret would be zero (RFC 7748 section 6.1).
  @Test func anX25519ShareOfSmallOrderIsRefused() throws {
    let context = try makeOwnContext()
    for share in [[UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31)] {
      let client = TestClient(.init(groups: "X25519"))
      let link = Link(context)
      _ = client.handshake()
      var hello = client.takeOutput()
      let mark: [UInt8] = [0, 29, 0, 32]
      let found = try #require(hello.indices.first { hello[$0...].starts(with: mark) })
      hello.replaceSubrange(found + 4..<found + 36, with: share)
      link.pending = hello
      guard case .failed = link.handshakeOnce(client, .max) else {
        Issue.record("a share of small order was taken")
        continue
      }
    }
    #expect(converse(context)?.isOwn == true)
  }
}
