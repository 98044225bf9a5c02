import Basics
import COpenSSL
import Testing

@testable import TLS

/// Handshakes of our own with OpenSSL as the client.
@Suite struct Handshake13Tests {
  private static let suites = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
  ]
  private static let certificates: [TestCertificate] = [
    .localhost, .localhostRSA, .localhostP384, .localhostP521,
  ]

  @Test(arguments: suites, ["P-256", "X25519"])
  func aClientConnectsAndResumesWithEverySuiteGroupAndCertificate(suite: String, group: String) throws {
    for certificate in Self.certificates {
      let context = try makeOwnContext([certificate], ticketKeys: makeTicketKeys())
      var options = TestClient.Options(protocols: ["http/1.1"], cipherSuites: suite, groups: group)
      for round in 0..<3 {
        let outcome = try #require(converse(context, options))
        #expect(outcome.isOwn)
        #expect(outcome.isResumed == (round > 0))
        options.session = outcome.session
      }
      #expect(context.library.sessionCount == 0)
    }
  }

  @Test func whatWasAgreedOnIsKnown() throws {
    let client = TestClient(.init(serverName: "LocalHost", protocols: ["h2", "http/1.1"]))
    let link = Link(try makeOwnContext())
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.isOwn && !link.isResumed)
    #expect(link.session.version == .tls13)
    #expect(link.session.serverName == "LocalHost")
    #expect(link.session.applicationProtocol == "http/1.1")
    #expect(client.applicationProtocol == "http/1.1")
    #expect(link.session.cipherSuite.id == client.cipherID)
    #expect(link.session.clientCertificate == nil)
    let bare = TestClient(.init(serverName: nil))
    let other = Link(try makeOwnContext())
    #expect(other.handshake(with: bare) == (.established, .done))
    #expect(other.isOwn && other.session.serverName == nil && other.session.applicationProtocol == nil)
  }

  @Test(arguments: suites)
  func theSecondFlightMayComeInAnyParts(suite: String) throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let context = try makeOwnContext(ticketKeys: makeTicketKeys())
    for limit in [1, 2, 7, 50, 100] {
      let begun = try BegunHandshake(context, .init(cipherSuites: suite))
      begun.client.write([4, 5, 6])
      let data = begun.client.takeOutput()
      let end = begun.send(begun.flight + data) { Int.random(in: 1...limit, using: &generator) }
      #expect(end == .established)
      // What follows the Finished isn't taken, as far as it had come.
      let records = try #require(RecordLink(from: begun.link, context))
      #expect(records.read(from: begun.client).bytes == [4, 5, 6])
    }
  }

  @Test func keyUpdatesAndLongTransfersFollow() throws {
    let context = try makeOwnContext()
    context.library.recordsPerKey = 3
    let client = TestClient()
    let records = try #require(RecordLink(context, client))
    for round in 0..<20 {
      SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED)
      let data = [UInt8](repeating: UInt8(round), count: 16384)
      client.write(data)
      #expect(records.read(from: client).bytes == data)
      client.receive(try #require(records.seal(data)))
      #expect(client.read().bytes == data)
    }
  }

  @Test func theServerNamePicksTheCertificate() throws {
    let context = try makeOwnContext([
      .make(.p256, names: ["one.example"], commonName: "first"),
      .make(.rsa, names: ["two.example"], commonName: "second"),
      .make(.p256, names: ["*.two.example"], commonName: "wildcard"),
    ])
    for (name, served) in [
      ("one.example", "first"), ("TWO.example", "second"), ("www.two.example", "wildcard"), ("x", "first"),
    ] {
      let client = TestClient(.init(serverName: name))
      let link = Link(context)
      #expect(link.handshake(with: client) == (.established, .done) && link.isOwn)
      #expect(client.serverCommonName == served)
    }
  }

  @Test func theClientGetsTheKindOfCertificateAndTheSchemeThatItCanVerify() throws {
    let context = try makeOwnContext([.localhost, .localhostRSA])
    for (schemes, type) in [
      ("ecdsa_secp256r1_sha256", EVP_PKEY_EC), ("rsa_pss_rsae_sha256", EVP_PKEY_RSA),
      ("rsa_pss_rsae_sha384", EVP_PKEY_RSA), ("rsa_pss_rsae_sha512", EVP_PKEY_RSA),
      ("rsa_pss_rsae_sha512:ecdsa_secp256r1_sha256", EVP_PKEY_EC),
    ] {
      let client = TestClient(.init(signatureAlgorithms: schemes))
      let link = Link(context)
      #expect(link.handshake(with: client) == (.established, .done) && link.isOwn)
      #expect(client.serverKeyType == type)
    }
  }

  @Test func aClientThatAsksGetsTheStaple() throws {
    let response = TestCertificate.localhost.staple(seconds: 3600)
    let file = TemporaryFile(response)
    let context = try makeOwnContext {
      $0.certificates[0].staple = file.source
    }
    for wants in [true, false] {
      let client = TestClient(.init(wantsStaple: wants))
      let link = Link(context)
      #expect(link.handshake(with: client) == (.established, .done) && link.isOwn)
      #expect(client.staple == (wants ? response : nil))
    }
    context.library.wallTime = { WallTime(seconds: .max / 2) }
    let client = TestClient(.init(wantsStaple: true))
    let link = Link(context)
    #expect(link.handshake(with: client) == (.established, .done) && link.isOwn)
    #expect(client.staple == nil)
  }

  @Test func whatIsKeptDuringAHandshakeIsSmall() {
    #expect(HandshakeMemory.byteCount <= 1024)
    #expect(MemoryLayout<TLSSession>.size <= 96)
  }

  /// A client of every kind of liking gets the same of us as of OpenSSL.
  @Test func whatIsChosenIsWhatOpenSSLChooses() throws {
    let certificates: [TestCertificate] = [.localhost, .localhostRSA]
    let (own, other) = (try makeOwnContext(certificates), try makeOpenSSLContext(certificates))
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    func pick(_ words: [String]) -> String {
      let count = Int.random(in: 1...words.count, using: &generator)
      return words.shuffled(using: &generator).prefix(count).joined(separator: ":")
    }
    for _ in 0..<60 {
      let options = TestClient.Options(
        version: TLS1_3_VERSION, serverName: ["localhost", "other", nil].randomElement(using: &generator)!,
        protocols: [[], ["http/1.1"], ["h2", "http/1.1"]].randomElement(using: &generator)!,
        signatureAlgorithms: pick([
          "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
          "ed25519",
        ]),
        cipherSuites: pick(Self.suites), groups: pick(["P-256", "X25519", "P-384", "X448"]))
      func connect(_ context: TLSContext) -> [String] {
        let client = TestClient(options)
        let link = Link(context)
        let end = link.handshake(with: client)
        guard end.0 == .established else { return ["\(end)"] }
        var scheme: Int32 = 0
        // SSL_CTRL_GET_PEER_SIGNATURE_NID, and SSL_CTRL_GET_NEGOTIATED_GROUP below.
        SSL_ctrl(client.ssl, 108, 0, &scheme)
        return [
          "\(client.cipherID)", "\(client.serverKeyType)", client.applicationProtocol ?? "none", "\(scheme)",
          "\(SSL_ctrl(client.ssl, 134, 0, nil))", "\(link.session.texts)",
        ]
      }
      #expect(connect(own) == connect(other), "\(options)")
    }
  }
}
