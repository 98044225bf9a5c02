import COpenSSL
import Testing

@testable import TLS

/// The key exchange, made ahead of the rest of the answer.
@Suite struct KeyExchangeAheadTests {
  private func prepare(_ link: Link, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { link.session.prepare(input: $0) }
  }

  @Test(arguments: ["P-256", "X25519"])
  func theHandshakeGoesOnFromThere(group: String) throws {
    let context = try makeOwnContext(ticketKeys: makeTicketKeys())
    var options = TestClient.Options(groups: group)
    for round in 0..<2 {
      let (client, link) = (TestClient(options), Link(context))
      _ = client.handshake()
      link.pending = client.takeOutput()
      #expect(prepare(link, link.pending))
      let share = link.session.own?.memory.bytes(.share, 32).map { $0 }
      // Once is enough.
      #expect(!prepare(link, link.pending))
      #expect(link.handshakeOnce(client, .max) == .waiting)
      #expect(link.session.own?.memory.bytes(.share, 32).map { $0 } == share)
      #expect(link.handshake(with: client) == (.established, .done))
      #expect(link.isOwn && link.isResumed == (round > 0))
      let records = try #require(RecordLink(from: link, context))
      client.write([1, 2, 3])
      #expect(records.read(from: client).bytes == [1, 2, 3])
      client.receive(try #require(records.seal([4, 5])))
      #expect(client.read().bytes == [4, 5])
      // OpenSSL forgets the session of a connection that was not closed.
      client.closeNotify()
      options.session = client.session
    }
  }

  /// Who hands over another ClientHello than the one that was prepared gets an exchange of its own.
  @Test func anotherShareIsNotAnsweredWithIt() throws {
    let context = try makeOwnContext()
    for (first, second) in [("P-256", "P-256"), ("X25519", "P-256"), ("P-256", "X25519")] {
      let (other, client) = (TestClient(.init(groups: first)), TestClient(.init(groups: second)))
      _ = other.handshake()
      let link = Link(context)
      #expect(prepare(link, other.takeOutput()))
      #expect(link.handshake(with: client) == (.established, .done))
      #expect(link.isOwn)
    }
  }

  @Test func nothingIsDoneAheadForOthers() throws {
    let context = try makeOwnContext()
    let old = TestClient(.init(version: TLS1_2_VERSION))
    _ = old.handshake()
    let oldHello = old.takeOutput()
    for input in [[], [22, 3, 1], [UInt8](repeating: 7, count: 500), oldHello] {
      let link = Link(context)
      #expect(!prepare(link, input))
      let client = TestClient()
      #expect(link.handshake(with: client) == (.established, .done))
    }
    let openSSL = Link(try makeOpenSSLContext())
    let client = TestClient()
    _ = client.handshake()
    openSSL.pending = client.takeOutput()
    #expect(!prepare(openSSL, openSSL.pending))
    #expect(openSSL.handshake(with: client) == (.established, .done))
  }

  /// A share that is no point of the curve: refused as without any preparation.
  @Test func aShareThatIsNotFitIsRefused() throws {
    let client = TestClient(.init(groups: "P-256"))
    _ = client.handshake()
    var hello = client.takeOutput()
    let at = try #require((0..<(hello.count - 6)).last { Array(hello[$0..<($0 + 4)]) == [0, 23, 0, 65] })
    hello[at + 6] ^= 1
    let link = Link(try makeOwnContext())
    #expect(!prepare(link, hello))
    link.pending = hello
    guard case .failed = link.handshakeOnce(client, .max) else {
      Issue.record("taken")
      return
    }
  }

  @Test func theSharedSecretIsGoneOnceItIsUsed() throws {
    let context = try makeOwnContext()
    let (client, link) = (TestClient(), Link(context))
    _ = client.handshake()
    link.pending = client.takeOutput()
    #expect(prepare(link, link.pending))
    #expect(link.session.own?.memory.bytes(.shared, 32).contains { $0 != 0 } == true)
    #expect(link.handshakeOnce(client, .max) == .waiting)
    #expect(link.session.own?.memory.bytes(.shared, 32).allSatisfy { $0 == 0 } == true)
  }

  /// The certificates, and the names that a ticket is bound to, are those of the ClientHello that is answered.
  @Test func anotherNameIsServedAsThatName() throws {
    let certificates = ["one.example", "two.example"].map { TestCertificate.make(.p256, names: [$0]) }
    let context = try makeOwnContext(certificates, ticketKeys: makeTicketKeys())
    let other = TestClient(.init(serverName: "one.example"))
    _ = other.handshake()
    let client = TestClient(.init(serverName: "two.example"))
    let link = Link(context)
    #expect(prepare(link, other.takeOutput()))
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.isOwn && link.session.serverName == "two.example")
    let records = try #require(RecordLink(from: link, context))
    // The ticket comes first.
    client.receive(try #require(records.seal([1])))
    #expect(client.read().bytes == [1])
    client.closeNotify()
    for (name, isResumed) in [("two.example", true), ("one.example", false)] {
      let options = TestClient.Options(serverName: name, session: client.session)
      #expect(try #require(converse(context, options)).isResumed == isResumed, "\(name)")
    }
  }

  @Test func aResumptionOfTLS12HasNothingOfIt() throws {
    let context = try makeOwnContext(ticketKeys: makeTicketKeys())
    let session = try fullSession(context)
    let other = TestClient()
    _ = other.handshake()
    let client = TestClient(.init(version: TLS1_2_VERSION, session: session))
    let link = Link(context)
    #expect(prepare(link, other.takeOutput()))
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.isOwn && link.isResumed && link.session.version == .tls12)
    let records = try #require(RecordLink(from: link, context))
    client.write([1, 2, 3])
    #expect(records.read(from: client).bytes == [1, 2, 3])
  }

  /// The binder is wrong: the client gets an alert, and nobody the secret.
  @Test func theSharedSecretIsGoneWhenTheHelloIsRefused() throws {
    let context = try makeOwnContext(ticketKeys: makeTicketKeys())
    let client = TestClient(.init(session: try #require(converse(context)).session))
    _ = client.handshake()
    var hello = client.takeOutput()
    hello[hello.count - 1] ^= 1
    let link = Link(context)
    #expect(prepare(link, hello))
    link.pending = hello
    #expect(link.handshakeOnce(client, .max) == .failed(.recordError(alert: Alert.decryptError)))
    #expect(link.isOwn)
    #expect(link.session.own?.memory.bytes(.shared, 32).allSatisfy { $0 == 0 } == true)
  }

  /// A secret that is gone is zeros, which anybody knows: no share goes with it.
  @Test func whatIsUsedIsNotUsedAgain() throws {
    let context = try makeOwnContext()
    let (client, link) = (TestClient(), Link(context))
    _ = client.handshake()
    link.pending = client.takeOutput()
    let hello = link.pending
    #expect(link.handshakeOnce(client, .max) == .waiting)
    try hello.withUnsafeBytes { bytes in
      let offer = try #require(Offer.read(bytes))
      let agreement = try #require(Agreement(offer, context))
      #expect(link.session.own?.memory.holdsExchange(for: agreement) == false)
    }
  }
}
