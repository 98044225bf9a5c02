import Basics
import COpenSSL
@testable import TLS
import Testing

/// Certificates here are authorities of themselves, with the serial number 1.
@Suite struct RevocationListsTests {
  private static let trusted = TestCertificate.make(.p256, names: [], commonName: "Zoë")
  private static let other = TestCertificate.make(.p256, names: [], commonName: "other")

  private func clients(
    _ lists: String, _ authorities: [TestCertificate] = [trusted], required: Bool = true
  ) -> TLSConfiguration.ClientCertificates {
    .init(
      authorities: .text(authorities.map(\.certificatePEM).joined(), name: "ca.pem"),
      revocations: .text(lists, name: "crl.pem"), isRequired: required)
  }

  private func configuration(_ clients: TLSConfiguration.ClientCertificates) -> TLSConfiguration {
    var configuration = TLSConfiguration(certificates: [TestCertificate.localhost.source])
    configuration.clientCertificates = clients
    return configuration
  }

  private func isLetIn(
    _ clients: TLSConfiguration.ClientCertificates, _ version: Int32,
    _ certificate: TestCertificate? = trusted
  ) throws -> Bool {
    let context = try makeContext { $0.clientCertificates = clients }
    return Link(context).handshake(with: TestClient(.init(version: version, certificate: certificate))).0
      == .established
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [true, false])
  func whoIsOnTheListIsRefusedAndOthersAreNot(version: Int32, required: Bool) throws {
    let lists = Self.trusted.revocations([1])
    #expect(try !isLetIn(clients(lists, required: required), version))
    #expect(try isLetIn(clients(Self.trusted.revocations([2, 3]), required: required), version))
    #expect(try isLetIn(clients(Self.trusted.revocations([]), required: required), version))
  }

  @Test func whoShowsNoneWhereNoneIsRequiredIsLetIn() throws {
    #expect(try isLetIn(clients(Self.trusted.revocations([1]), required: false), TLS1_3_VERSION, nil))
  }

  @Test func eachAuthorityHasItsList() throws {
    let lists = Self.trusted.revocations([1]) + Self.other.revocations([])
    let clients = clients(lists, [Self.trusted, Self.other])
    #expect(try !isLetIn(clients, TLS1_3_VERSION))
    #expect(try isLetIn(clients, TLS1_3_VERSION, Self.other))
  }

  @Test(arguments: [(-1000, -10), (500, 1000)])
  func withoutACurrentListNobodyIsLetIn(from: Int, until: Int) throws {
    #expect(try !isLetIn(clients(Self.trusted.revocations([], from: from, until: until)), TLS1_3_VERSION))
    let lists = Self.trusted.revocations([])
    #expect(try !isLetIn(clients(lists, [Self.trusted, Self.other]), TLS1_3_VERSION, Self.other))
  }

  /// Otherwise a client that has been revoked since could go on for as long as its tickets.
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func anotherListEndsTheSessionsOfBefore(version: Int32) throws {
    let keys = try TicketKeys(lifetime: .seconds(100), now: .zero, wallTime: WallTime(seconds: 0))
    let (old, new) = (Self.trusted.revocations([2]), Self.trusted.revocations([1, 2]))
    func context(_ lists: String) throws -> TLSContext {
      try makeContext(ticketKeys: keys) { $0.clientCertificates = clients(lists) }
    }
    let first = connect(try context(old), version, nil, Self.trusted)
    #expect(connect(try context(old), version, first.session, Self.trusted).isResumed)
    let client = TestClient(.init(version: version, session: first.session, certificate: Self.trusted))
    #expect(Link(try context(new)).handshake(with: client).0 != .established)
  }

  @Test func whatIsNoListIsAProblem() {
    let strangers = Self.trusted.revocations([], signer: Self.other)
    for (lists, text) in [
      ("x", "crl.pem: no PEM list of revoked certificates in it"),
      (strangers, "crl.pem: the list of \"CN=Zoë\" isn't signed by it"),
      (Self.trusted.certificatePEM, "crl.pem: no PEM list of revoked certificates in it"),
    ] {
      let problems = configuration(clients(lists)).problems()
      #expect(problems.map(\.description) == [text])
      #expect(problems.first?.subject == .clientRevocations)
    }
    let cut = Self.trusted.revocations([]).replacing("\n-----END", with: "x\n-----END")
    let problems = configuration(clients(Self.trusted.revocations([]) + cut)).problems()
    #expect(
      problems.first?.description.hasPrefix("crl.pem: list 2 of revoked certificates is broken") == true)
  }

  @Test func aFileThatIsNotThereIsAProblem() {
    var clients = clients("")
    clients.revocations = .file("/nowhere/crl.pem")
    let problems = configuration(clients).problems()
    #expect(problems.map(\.description) == ["/nowhere/crl.pem: No such file or directory"])
    #expect(problems.first?.subject == .clientRevocations)
  }

  private func warnings(_ lists: String, _ authorities: [TestCertificate] = [trusted]) -> [String] {
    configuration(clients(lists, authorities)).warnings(now: WallTime.now)
      .filter { $0.subject == .clientRevocations }.map(\.description)
  }

  @Test func aListThatRefusesEverybodyIsWarnedAbout() {
    #expect(warnings(Self.trusted.revocations([1])) == [])
    let expired = warnings(Self.trusted.revocations([], until: -10))
    #expect(expired.count == 1 && expired[0].hasPrefix("crl.pem: the list of \"CN=Zoë\" expired on "))
    #expect(expired[0].hasSuffix(": its clients are refused"))
    let early = warnings(Self.trusted.revocations([], from: 500))
    #expect(early.count == 1 && early[0].hasPrefix("crl.pem: the list of \"CN=Zoë\" is not valid before "))
    #expect(
      warnings(Self.trusted.revocations([]), [Self.trusted, Self.other]) == [
        "crl.pem: no list of \"CN=other\": its clients are refused"
      ])
  }
}

extension WallTime {
  /// Of the clock that the lists are made by.
  fileprivate static var now: WallTime {
    let time = X509_gmtime_adj(nil, 0)
    defer { ASN1_TIME_free(time) }
    return WallTime(time)!
  }
}
