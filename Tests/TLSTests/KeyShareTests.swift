import Basics
import COpenSSL
@testable import TLS
import Testing

/// Handshakes with P-256 key shares, which our provider makes, and what peers may send in their place.
@Suite struct KeyShareTests {
  static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

  /// The algorithm behind the key share that came from the peer; nil when there is none.
  private func algorithm(of ssl: OpaquePointer) -> String? {
    var key: OpaquePointer?
    // SSL_get_peer_tmp_key, SSL_CTRL_GET_PEER_TMP_KEY.
    let isThere = withUnsafeMutablePointer(to: &key) { SSL_ctrl(ssl, 109, 0, UnsafeMutableRawPointer($0)) }
    guard isThere == 1 else { return nil }
    defer { EVP_PKEY_free(key) }
    return String(cString: EVP_PKEY_get0_type_name(key))
  }

  @Test func libsslGetsOurP256AndNothingElseOfTheCurves() throws {
    for (groups, name) in [("P-256", "TIDEGATE-P256"), ("P-384", "EC"), ("X25519", "X25519")] {
      let link = Link(try makeContext())
      let client = TestClient(.init(version: TLS1_3_VERSION, groups: groups))
      #expect(link.handshake(with: client) == (.established, .done))
      #expect(algorithm(of: link.session.ssl!) == name)
    }
  }

  /// OpenSSL sorts its providers whenever it looks for one.
  @Test func ourP256StaysTheFirstWhenProvidersAreLookedFor() throws {
    let library = try TLSLibrary()
    for name in ["default", "Tidegate", "none"] { OSSL_PROVIDER_available(library.context, name) }
    var configuration = TLSConfiguration(certificates: [TestCertificate.localhost.source])
    configuration.groups = ["P-256"]
    let link = Link(try TLSContext(configuration, library: library, ticketKeys: nil))
    #expect(link.handshake(with: TestClient(.init(version: TLS1_3_VERSION))) == (.established, .done))
    #expect(algorithm(of: link.session.ssl!) == "TIDEGATE-P256")
  }

  @Test func whatCertificatesAreMadeOfStaysTheDefaultProviders() throws {
    let library = try TLSLibrary()
    let management = EVP_KEYMGMT_fetch(library.context, "EC", nil)
    let exchange = EVP_KEYEXCH_fetch(library.context, "ECDH", nil)
    defer {
      EVP_KEYMGMT_free(management)
      EVP_KEYEXCH_free(exchange)
    }
    for provider in [EVP_KEYMGMT_get0_provider(management), EVP_KEYEXCH_get0_provider(exchange)] {
      #expect(String(cString: OSSL_PROVIDER_get0_name(provider)) == "default")
    }
  }

  static let groups = ["P-256", "X25519", "P-256:X25519", "X25519:P-256", "P-384:P-256", "X25519:P-384"]

  /// Retries (RFC 8446 section 4.1.4) among them: X25519's client at P-256's server.
  @Test(arguments: versions, groups)
  func everyPairOfListsThatShareAGroupConnectsAndResumes(version: Int32, ours: String) throws {
    let list = ours.split(separator: ":").map(String.init)
    for certificate in [TestCertificate.localhost, .localhostRSA] {
      let context = try makeContext([certificate], ticketKeys: makeTicketKeys()) { $0.groups = list }
      // In TLS 1.2 a client's groups are its certificates' curves as well (RFC 8422 section 5.1).
      let isOnCurve = version == TLS1_2_VERSION && context.hasECDSA
      for theirs in Self.groups where !isOnCurve || theirs.contains("P-256") {
        let first = talk(context, .init(version: version, groups: theirs))
        #expect((first != nil) == list.contains { theirs.contains($0) }, "\(ours) and \(theirs)")
        guard let first else { continue }
        let again = talk(context, .init(version: version, session: first.session, groups: theirs))
        #expect(again?.isResumed == true, "\(ours) and \(theirs)")
      }
    }
  }

  private func makeTicketKeys() throws -> TicketKeys {
    try TicketKeys(
      lifetime: .seconds(3600), now: MonotonicTime(nanoseconds: 1), wallTime: WallTime(seconds: 0))
  }

  /// Nil when they don't connect.
  private func talk(
    _ context: TLSContext, _ options: TestClient.Options
  ) -> (isResumed: Bool, session: TestClient.Session?)? {
    let client = TestClient(options)
    let link = Link(context)
    guard link.handshake(with: client) == (.established, .done) else { return nil }
    link.write([1], to: client)
    #expect(client.read().bytes == [1])
    client.closeNotify()
    return (link.isResumed, client.session)
  }

  @Test(arguments: versions)
  func aClientOfOurLibraryConnectsToo(version: Int32) throws {
    let library = try TLSLibrary()
    for ours in ["P-256", "X25519"] {
      for theirs in ["P-256:X25519", "X25519:P-256"] {
        let client = TestClient(.init(version: version, groups: theirs, library: library))
        let link = Link(try makeContext { $0.groups = [ours] })
        #expect(link.handshake(with: client) == (.established, .done), "\(ours) and \(theirs)")
        guard version == TLS1_3_VERSION else { continue }
        #expect(algorithm(of: client.ssl) == (ours == "P-256" ? "TIDEGATE-P256" : "X25519"))
      }
    }
  }

  @Test(arguments: versions)
  func clientCertificatesWithKeysOnTheCurveAreTaken(version: Int32) throws {
    let certificate = TestCertificate.make(.p256, names: [], commonName: "client")
    let context = try makeContext {
      $0.groups = ["P-256"]
      $0.clientCertificates = .init(
        authorities: .text(certificate.certificatePEM, name: "ca.pem"), isRequired: true)
    }
    let client = TestClient(.init(version: version, certificate: certificate, groups: "P-256"))
    let link = Link(context)
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.session.clientCertificate?.commonName == "client")
  }

  // MARK: What isn't a point

  /// How a handshake ends in which the client's share is replaced.
  private func end(
    _ context: TLSContext, _ version: Int32, share: [UInt8]
  ) throws -> (Link.End, client: TestClient.Step) {
    let client = TestClient(.init(version: version, groups: "P-256"))
    let link = Link(context)
    _ = client.handshake()
    if version == TLS1_2_VERSION {
      // To the client's second flight.
      link.pending = client.takeOutput()
      #expect(link.handshakeOnce(client, .max) == .waiting)
      _ = client.handshake()
    }
    link.pending = try #require(KeyShare.replace(in: client.takeOutput(), version, with: share))
    return link.handshake(with: client)
  }

  @Test(arguments: versions)
  func whatIsNoPointOfTheCurveIsRefusedWithTheRightAlert(version: Int32) throws {
    let context = try makeContext()
    for share in KeyShare.bad + (version == TLS1_3_VERSION ? KeyShare.compressed : []) {
      let (end, client) = try end(context, version, share: share)
      guard case .failed(.protocolError) = end else {
        Issue.record("\(share): \(end)")
        continue
      }
      // illegal_parameter, by which the client ends too.
      #expect(client == .failed(SSL_AD_REASON_OFFSET + SSL_AD_ILLEGAL_PARAMETER), "\(share)")
    }
    #expect(talk(context, .init(version: version, groups: "P-256")) != nil)
  }

  @Test(arguments: versions)
  func randomBytesAsAShareNeverConnect(version: Int32) throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let context = try makeContext()
    for round in 0..<300 {
      let count = round % 2 == 0 ? 65 : Int.random(in: 1...200, using: &generator)
      var share = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if round % 4 < 3 { share[0] = 4 }
      let (end, _) = try end(context, version, share: share)
      guard case .failed = end else {
        Issue.record("seed \(seed), round \(round): \(end)")
        continue
      }
    }
    #expect(talk(context, .init(version: version, groups: "P-256")) != nil)
  }

  /// It is a point, and the client's Finished shows that it isn't the client's.
  @Test(arguments: versions)
  func anotherPointOfTheCurveIsTakenAndTheHandshakeFailsLater(version: Int32) throws {
    let context = try makeContext()
    for share in [KeyShare.initiator] + (version == TLS1_2_VERSION ? KeyShare.compressed : []) {
      let (end, _) = try end(context, version, share: share)
      #expect(end != .established)
      for reason in [SSL_R_BAD_ECPOINT, SSL_R_BAD_KEY_SHARE] {
        #expect(end != .failed(.protocolError(reason: reason)))
      }
    }
  }
}
