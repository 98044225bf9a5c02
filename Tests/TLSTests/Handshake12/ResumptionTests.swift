import Basics
import CAES
import COpenSSL
import Testing

@testable import TLS

/// Resumptions of TLS 1.2 of our own with OpenSSL as the client, by tickets that OpenSSL has given.
@Suite struct ResumptionTests {
  private let keys: TicketKeys
  private let context: TLSContext

  init() throws {
    keys = try makeTicketKeys()
    context = try makeOwnContext([.localhost, .localhostRSA], ticketKeys: keys)
  }

  private static let own = Reconnection(isOwn: true, isResumed: true)
  private static let openSSLs = Reconnection(isOwn: false, isResumed: true)
  private static let full = Reconnection(isOwn: false, isResumed: false)

  @Test(arguments: resumedSuites) func aTicketOfEverySuiteResumesAndMoreThanOnce(suite: String) throws {
    let options = TestClient.Options(protocols: ["http/1.1"], ciphers: suite)
    let session = try fullSession(context, options)
    let other = try makeOwnContext([.localhostRSA, .localhost], ticketKeys: keys)
    for context in [context, other, context] { #expect(reconnect(context, session, options) == Self.own) }
    #expect(context.library.sessionCount == 0)
  }

  @Test func whatWasAgreedOnIsKnown() throws {
    for suite in resumedSuites {
      var options = TestClient.Options(
        serverName: "LocalHost", protocols: ["h2", "http/1.1"], ciphers: suite)
      options.session = try fullSession(context, options)
      options.version = TLS1_2_VERSION
      let (client, link) = (TestClient(options), Link(context))
      #expect(link.handshake(with: client) == (.established, .done))
      #expect(link.isOwn && link.isResumed && client.isResumed)
      #expect(link.session.version == .tls12)
      #expect(link.session.serverName == "LocalHost")
      #expect(link.session.applicationProtocol == "http/1.1")
      #expect(client.applicationProtocol == "http/1.1")
      #expect(link.session.cipherSuite.id == client.cipherID)
      #expect(link.session.clientCertificate == nil)
      let texts = link.session.texts
      #expect(texts.version == "TLSv1.2" && texts.cipher == suite)
      #expect(texts.applicationProtocol == "http/1.1" && texts.serverName == "LocalHost")
      #expect(texts.signatureAlgorithm.isEmpty && texts.keyAlgorithm.isEmpty)
      let records = try #require(RecordLink(from: link, context))
      #expect(records.stateCount <= 112)
    }
  }

  /// As by OpenSSL, which knows no name of a session that was given where the name was of no use.
  @Test func namesAreTheSessions() throws {
    let openSSL = try makeOpenSSLContext(ticketKeys: keys)
    for (first, second, isOwn) in [
      ("localhost", "localhost", true), (nil, nil, true), (nil, "localhost", true),
      ("unknown", "unknown", true),
      ("unknown", "other", true), ("localhost", "LOCALHOST", false), ("localhost", nil, false),
      ("localhost", "unknown", false),
    ] as [(String?, String?, Bool)] {
      let context = try makeOwnContext(ticketKeys: keys)
      let session = try fullSession(context, .init(serverName: first))
      var names: [String?] = []
      for context in [context, openSSL] {
        let client = TestClient(.init(version: TLS1_2_VERSION, serverName: second, session: session))
        let link = Link(context)
        #expect(link.handshake(with: client) == (.established, .done))
        #expect(link.isResumed)
        if context === openSSL { #expect(!link.isOwn) } else { #expect(link.isOwn == isOwn) }
        names.append(link.session.serverName)
        client.closeNotify()
      }
      #expect(names[0] == names[1], "\(first ?? "none"), then \(second ?? "none")")
    }
  }

  @Test func protocolsAreAgreedOnAnew() throws {
    let context = try makeOwnContext(ticketKeys: keys) { $0.applicationProtocols = ["b", "a"] }
    let session = try fullSession(context, .init(protocols: ["a"]))
    for (offer, agreed) in [([], nil), (["a", "b"], "b"), (["c", "a"], "a")] as [([String], String?)] {
      let client = TestClient(.init(version: TLS1_2_VERSION, protocols: offer, session: session))
      let link = Link(context)
      #expect(link.handshake(with: client) == (.established, .done))
      #expect(link.isOwn && link.isResumed)
      #expect(link.session.applicationProtocol == agreed && client.applicationProtocol == agreed)
      client.closeNotify()
    }
    let client = TestClient(.init(version: TLS1_2_VERSION, protocols: ["c"], session: session))
    #expect(Link(context).handshake(with: client) == (.failed(.noApplicationProtocol), .failed(1120)))
  }

  @Test(arguments: resumedSuites) func theSecondFlightMayComeInAnyParts(suite: String) throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for limit in [1, 2, 7, 50, 100] {
      let begun = try BegunResumption(context, .init(ciphers: suite))
      begun.client.write([4, 5, 6])
      let data = begun.client.takeOutput()
      #expect(
        begun.send(begun.flight + data) { Int.random(in: 1...limit, using: &generator) } == .established)
      // What follows the Finished isn't taken, as far as it had come.
      let records = try #require(RecordLink(from: begun.link, context))
      #expect(data.suffix(records.pending.count) == records.pending[...])
      #expect(records.pending.count == data.count)
      #expect(records.read().bytes == [4, 5, 6])
    }
  }

  /// What the client sends with its Finished is there for the record layer.
  @Test func dataRightBehindTheFinishedIsLeftAlone() throws {
    let begun = try BegunResumption(context)
    begun.client.write([1])
    begun.link.pending = begun.flight + begun.client.takeOutput()
    #expect(begun.link.handshakeOnce(begun.client, .max) == .established)
    let records = try #require(RecordLink(from: begun.link, context))
    #expect(records.read().bytes == [1])
  }

  @Test func largeTransfersArriveWhole() throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for suite in resumedSuites {
      for path in [caes_path_none, caes_path_best()] {
        let context = try makeContext([.localhost, .localhostRSA], ticketKeys: keys, aes: AESGCM(path: path))
        {
          $0.recordLayer = .tidegate
        }
        let begun = try BegunResumption(context, .init(ciphers: suite))
        #expect(begun.send(begun.flight) == .established)
        let records = try #require(RecordLink(from: begun.link, context))
        let sent = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        begun.client.write(sent)
        let (got, status) = records.read(from: begun.client) { Int.random(in: 1...20000, using: &generator) }
        #expect(got == sent)
        #expect(status == .wantsInput(missing: 5))
        var start = 0
        while start < sent.count {
          let count = min(sent.count - start, Int.random(in: 1...16384, using: &generator))
          begun.client.receive(try #require(records.seal(Array(sent[start..<start + count]))))
          start += count
        }
        #expect(begun.client.read().bytes == sent)
        begun.client.receive(records.closeNotify())
        #expect(begun.client.read().step == .done)
        #expect(records.closeNotify().isEmpty && records.seal([1]) == nil)
        begun.client.closeNotify()
        #expect(records.read(from: begun.client).1 == .closed)
      }
    }
  }

  /// Which OpenSSL answers by a full handshake, or resumes and replaces.
  @Test func ticketsThatAreNotForUsAreOpenSSLs() throws {
    let session = try fullSession(context)
    #expect(try reconnect(makeOpenSSLContext(ticketKeys: keys), session) == Self.openSSLs)
    #expect(reconnect(context, session, .init(flags: noTicket)) == Self.full)
    // Of a key that doesn't seal any more.
    keys.rotate(now: .zero + .seconds(500), wallTime: WallTime(seconds: 500))
    #expect(reconnect(context, session) == Self.openSSLs)
    let second = try fullSession(context)
    keys.rotate(now: .zero + .seconds(1501), wallTime: WallTime(seconds: 1501))
    #expect(reconnect(context, session) == Self.full)
    #expect(reconnect(context, second) == Self.openSSLs)
    #expect(try reconnect(makeOwnContext(ticketKeys: makeTicketKeys()), second) == Self.full)
    #expect(try reconnect(makeOwnContext(), second) == Self.full)
  }

  @Test func aTicketLivesAsLongAsWasSaid() throws {
    let context = try makeOwnContext(ticketKeys: keys) { $0.ticketLifetime = .seconds(1000) }
    let session = try fullSession(context)
    let start = WallTime(seconds: Int64(SSL_SESSION_get_time(session.pointer)))
    for (later, isAlive) in [(0, true), (990, true), (1010, false), (-5000, true)] {
      context.library.wallTime = { start + .seconds(later) }
      // For OpenSSL no time has gone by.
      #expect(reconnect(context, session) == (isAlive ? Self.own : Self.openSSLs), "\(later)")
    }
  }

  /// By a certificate that it wouldn't take for the server's the client mustn't be served in its place.
  @Test func aTicketServesOnlyWhereTheServerHasTheSameNames() throws {
    let a = TestCertificate.make(.p256, names: ["a.example", "localhost"])
    let successor = TestCertificate.make(.rsa, names: ["localhost", "a.example"])
    let session = try fullSession(makeOwnContext([a], ticketKeys: keys))
    #expect(try reconnect(makeOwnContext([successor], ticketKeys: keys), session) == Self.own)
    for names in [["b.example"], []] {
      let other = TestCertificate.make(.p256, names: names)
      #expect(try reconnect(makeOwnContext([other], ticketKeys: keys), session) == Self.full)
      #expect(
        try reconnect(makeOwnContext([other, a], ticketKeys: keys), session) == Self.full || names.isEmpty)
    }
  }

  @Test func aListenerThatAsksForCertificatesLeavesAllToOpenSSL() throws {
    let authority = TestCertificate.make(.p256, names: [])
    let asking = try makeOwnContext(ticketKeys: keys) {
      $0.clientCertificates = .init(
        authorities: .text(authority.certificatePEM, name: "ca"), isRequired: false)
    }
    #expect(reconnect(asking, try fullSession(context)) == Self.full)
    #expect(reconnect(asking, try fullSession(asking)) == Self.openSSLs)
    #expect(reconnect(context, try fullSession(asking)) == Self.full)
  }

  @Test func theMasterSecretIsBoundToItsHandshake() throws {
    let bound = try fullSession(context)
    let loose = try fullSession(context, .init(flags: noExtendedMasterSecret))
    // RFC 7627 section 5.3.
    let client = TestClient(.init(version: TLS1_2_VERSION, session: bound, flags: noExtendedMasterSecret))
    let end = Link(context).handshake(with: client)
    guard case .failed(.protocolError) = end.0 else {
      Issue.record("\(end)")
      return
    }
    #expect(end.client == .failed(1040))
    #expect(reconnect(context, loose) == Self.full)
    #expect(reconnect(context, loose, .init(flags: noExtendedMasterSecret)) == Self.openSSLs)
  }

  @Test func whatTheConfigurationForbidsIsOpenSSLsToJudge() throws {
    let session = try fullSession(context, .init(ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384"))
    func with(_ adjust: (inout TLSConfiguration) -> Void) throws -> TLSContext {
      try makeOwnContext([.localhost, .localhostRSA], ticketKeys: keys, adjust)
    }
    #expect(try reconnect(with { $0.handshake = .openssl }, session) == Self.openSSLs)
    #expect(try reconnect(with { $0.recordLayer = .openssl }, session) == Self.openSSLs)
    #expect(
      try reconnect(with { $0.ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256"] }, session) == Self.openSSLs)
    let strict = try makeOwnContext([.localhostP384]) { $0.ciphers.append("@SECLEVEL=3") }
    #expect(strict.rules != nil && strict.rules?.resumption.isAllowed == false)
    let newer = try with { $0.minimumVersion = .tls13 }
    #expect(newer.rules?.resumption.isAllowed == false)
    #expect(reconnect(newer, session) == nil)
    #expect(context.rules?.resumption.marksDowngrade == true)
    // A suite that isn't ours.
    let cbc = try with { $0.ciphers = ["ECDHE-ECDSA-AES128-SHA256"] }
    let options = TestClient.Options(ciphers: "ECDHE-ECDSA-AES128-SHA256")
    #expect(reconnect(cbc, try fullSession(cbc, options), options) == Self.openSSLs)
  }

  @Test func aClientThatSpeaksTLS13GetsIt() throws {
    let client = TestClient(.init(session: try fullSession(context)))
    let link = Link(context)
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.isOwn && !link.isResumed && link.session.version == .tls13)
  }

  @Test func withoutRoomOrInPiecesItIsOpenSSLs() throws {
    let session = try fullSession(context)
    #expect(reconnect(context, session, part: { 50 }) == Self.openSSLs)
    let client = TestClient(.init(version: TLS1_2_VERSION, session: session))
    let link = Link(context, room: 100)
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(!link.isOwn && link.isResumed)
  }
}
