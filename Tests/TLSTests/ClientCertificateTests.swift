import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct ClientCertificateTests {
  private static let trusted = TestCertificate.make(.p256, names: [], commonName: "Zoë")
  private static let stranger = TestCertificate.make(.p256, names: [], commonName: "stranger")

  private func context(
    required: Bool, _ authority: TestCertificate = trusted, _ keys: TicketKeys? = nil
  ) throws -> TLSContext {
    try makeContext(ticketKeys: keys) {
      $0.clientCertificates = .init(
        authorities: .text(authority.certificatePEM, name: "ca.pem"), isRequired: required)
    }
  }

  private func handshake(
    _ context: TLSContext, _ version: Int32, _ certificate: TestCertificate?
  ) -> (end: Link.End, client: ClientCertificate?) {
    let client = TestClient(.init(version: version, certificate: certificate))
    let link = Link(context)
    let end = link.handshake(with: client).0
    return (end, end == .established ? link.session.clientCertificate : nil)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [true, false])
  func aTrustedCertificateGivesItsSubject(version: Int32, required: Bool) throws {
    let (end, client) = handshake(try context(required: required), version, Self.trusted)
    #expect(end == .established)
    #expect(client == ClientCertificate(commonName: "Zoë", isOfThisConnection: true))
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func withoutACertificateARequiredOneFailsAndAnOptionalOneDoesNot(version: Int32) throws {
    let refused = handshake(try context(required: true), version, nil)
    guard case .failed = refused.end else {
      Issue.record("\(refused)")
      return
    }
    let (end, client) = handshake(try context(required: false), version, nil)
    #expect(end == .established)
    #expect(client == nil)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [true, false])
  func aStrangersCertificateIsRefusedEvenWhereNoneWouldDo(version: Int32, required: Bool) throws {
    let refused = handshake(try context(required: required), version, Self.stranger)
    guard case .failed = refused.end else {
      Issue.record("\(refused)")
      return
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aResumedSessionKeepsTheSubject(version: Int32) throws {
    let keys = try TicketKeys(lifetime: .seconds(100), now: .zero, wallTime: WallTime(seconds: 0))
    let context = try context(required: true, Self.trusted, keys)
    let first = connect(context, version, nil, Self.trusted)
    let client = TestClient(.init(version: version, session: first.session))
    let link = Link(context)
    #expect(link.handshake(with: client) == (.established, .done))
    #expect(link.isResumed)
    #expect(
      link.session.clientCertificate == ClientCertificate(commonName: "Zoë", isOfThisConnection: false))
  }

  /// Listeners share ticket keys: a session without a certificate, or with one that others trust, must not
  /// get in where a certificate is asked for.
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func sessionsAreBoundToWhatTheListenerAsks(version: Int32) throws {
    let keys = try TicketKeys(lifetime: .seconds(100), now: .zero, wallTime: WallTime(seconds: 0))
    let open = connect(try makeContext(ticketKeys: keys), version)
    let optional = connect(try context(required: false, Self.trusted, keys), version)
    let others = connect(try context(required: true, Self.stranger, keys), version, nil, Self.stranger)
    for session in [open.session, optional.session, others.session] {
      let again = connect(try context(required: true, Self.trusted, keys), version, session, Self.trusted)
      #expect(!again.isResumed)
    }
    // Control: the keys are the same.
    #expect(connect(try makeContext(ticketKeys: keys), version, open.session).isResumed)
  }

  @Test func aBrokenFileOfAuthoritiesIsNamed() {
    let problems = {
      var configuration = TLSConfiguration(certificates: [TestCertificate.localhost.source])
      configuration.clientCertificates = .init(authorities: .text("x", name: "ca.pem"), isRequired: true)
      return configuration.problems()
    }()
    #expect(problems.map(\.description) == ["ca.pem: no PEM certificate in it"])
    #expect(problems.first?.subject == .clientCertificateAuthorities)
  }
}
