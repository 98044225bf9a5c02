import Basics
@testable import TLS
import Testing

@Suite struct TLSWarningsTests {
  private func summary(_ certificate: TestCertificate) throws -> CertificateSummary {
    try #require(try makeContext([certificate]).certificateSummaries.first)
  }

  private func warnings(_ certificate: TestCertificate, _ now: WallTime) -> [String] {
    TLSConfiguration(certificates: [certificate.source]).warnings(now: now).map(\.description)
  }

  @Test func aContextTellsWhatItServes() throws {
    let certificates = [
      TestCertificate.make(.p256, names: ["a.example", "*.a.example"]), .localhostRSA,
    ]
    let summaries = try makeContext(certificates).certificateSummaries
    #expect(summaries.map(\.names) == [["a.example", "*.a.example"], ["localhost"]])
    #expect(summaries.map(\.keyType) == ["ECDSA P-256", "RSA 2048"])
    #expect(summaries.map(\.source) == ["test.pem", "test.pem"])
    #expect(summaries[0].notAfter.seconds - summaries[0].notBefore.seconds == 86400 + 100_000)
  }

  @Test func aCertificateIsWarnedAboutFromTwoWeeksBeforeItsEndOn() throws {
    let certificate = TestCertificate.make(.p256, names: ["a.example"], seconds: 100 * 86400)
    let summary = try summary(certificate)
    let (begin, end) = (summary.notBefore, summary.notAfter)
    #expect(warnings(certificate, end - .seconds(14 * 86400)) == [])
    #expect(
      warnings(certificate, end - .seconds(14 * 86400 - 1)) == [
        "test.pem: the certificate expires on \(end.text)"
      ])
    #expect(
      warnings(certificate, end + .seconds(1)) == ["test.pem: the certificate expired on \(end.text)"])
    #expect(
      warnings(certificate, begin - .seconds(1)) == [
        "test.pem: the certificate is not valid before \(begin.text)"
      ])
  }

  @Test func aWallTimeIsShownInUTC() {
    #expect(WallTime(seconds: 1_795_573_396).text == "2026-11-25T02:23:16Z")
  }

  @Test(arguments: [(mode: UInt32(0o644), isWarned: true), (0o640, false)])
  func aSecretThatEverybodyCanReadIsWarnedAbout(file: (mode: UInt32, isWarned: Bool)) {
    let secret = TemporaryFile([UInt8](repeating: 7, count: 48), mode: file.mode)
    var configuration = TLSConfiguration(certificates: [])
    for (tickets, subject) in [
      (TLSConfiguration.Tickets.files([secret.source]), TLSError.Subject.ticketKeys(0)),
      (.fleetSecret(secret.source), .fleetSecret),
    ] {
      configuration.tickets = tickets
      let text = "\(secret.path): everybody can read this secret (its mode is 0644)"
      #expect(
        configuration.warnings(now: WallTime(seconds: 0))
          == (file.isWarned ? [TLSWarning(subject: subject, description: text)] : []))
    }
  }

  @Test func badTicketKeysAreAProblem() {
    var configuration = TLSConfiguration(certificates: [TestCertificate.localhost.source])
    configuration.tickets = .files([.text("x", name: "t.key")])
    #expect(configuration.problems().map(\.subject) == [.ticketKeys(0)])
    configuration.tickets = .fleetSecret(.text("x", name: "secret"))
    #expect(configuration.problems().map(\.subject) == [.fleetSecret])
  }
}
