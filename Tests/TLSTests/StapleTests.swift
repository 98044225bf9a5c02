import COpenSSL
@testable import TLS
import Testing

@Suite struct StapleTests {
  private static let site = TestCertificate.make(.p256, names: ["localhost"])

  private func source(_ file: TemporaryFile) -> TLSConfiguration.Certificate {
    var source = Self.site.source
    source.staple = file.source
    return source
  }

  private func stapled(_ file: TemporaryFile, _ version: Int32, wants: Bool = true) throws -> [UInt8]? {
    let configuration = TLSConfiguration(certificates: [source(file), TestCertificate.localhostRSA.source])
    let context = try TLSContext(configuration, library: TLSLibrary(), ticketKeys: nil)
    let client = TestClient(
      .init(version: version, signatureAlgorithms: "ecdsa_secp256r1_sha256", wantsStaple: wants))
    #expect(Link(context).handshake(with: client) == (.established, .done))
    return client.staple
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aClientThatAsksGetsTheResponseAndOthersDoNot(version: Int32) throws {
    let response = Self.site.staple(seconds: 3600)
    let file = TemporaryFile(response)
    #expect(try stapled(file, version) == response)
    #expect(try stapled(file, version, wants: false) == nil)
  }

  @Test func theOtherCertificatesClientsGetNone() throws {
    let file = TemporaryFile(Self.site.staple(seconds: 3600))
    let configuration = TLSConfiguration(certificates: [source(file), TestCertificate.localhostRSA.source])
    let context = try TLSContext(configuration, library: TLSLibrary(), ticketKeys: nil)
    let client = TestClient(.init(signatureAlgorithms: "rsa_pss_rsae_sha256", wantsStaple: true))
    #expect(Link(context).handshake(with: client) == (.established, .done))
    #expect(client.serverKeyType == EVP_PKEY_RSA)
    #expect(client.staple == nil)
  }

  @Test func anExpiredResponseIsNotSentAndWarnedAbout() throws {
    let file = TemporaryFile(Self.site.staple(seconds: -100))
    #expect(try stapled(file, TLS1_3_VERSION) == nil)
    let warnings = TLSConfiguration(certificates: [source(file)]).warnings(now: WallTime(seconds: .max / 2))
      .filter { $0.subject == .staple(0) }
    #expect(warnings.count == 1)
    #expect(warnings[0].description.contains("\(file.path): the OCSP response expired on "))
  }

  @Test func aRevokedCertificateIsWarnedAbout() throws {
    let file = TemporaryFile(Self.site.staple(seconds: 3600, status: V_OCSP_CERTSTATUS_UNKNOWN))
    let notAfter = try #require(makeContext([Self.site]).certificateSummaries.first?.notAfter)
    let warnings = TLSConfiguration(certificates: [source(file)])
      .warnings(now: WallTime(seconds: notAfter.seconds - 86400 + 60))
      .filter { $0.subject == .staple(0) }
    #expect(
      warnings.map(\.description) == [
        "\(file.path): the OCSP response says that the certificate isn't good"
      ])
  }

  private func problems(_ bytes: [UInt8]) -> [String] {
    let file = TemporaryFile(bytes)
    let problems = TLSConfiguration(certificates: [TestCertificate.localhostRSA.source, source(file)])
      .problems()
    #expect(problems.allSatisfy { $0.subject == .staple(1) })
    return problems.map { String($0.description.dropFirst(file.path.count)) }
  }

  @Test func whatIsNoResponseForTheCertificateIsNamed() {
    #expect(problems([]) == [": no OCSP response in DER"])
    #expect(problems(Array("hello".utf8)) == [": no OCSP response in DER"])
    // RFC 6960 section 4.2.1: tryLater, and nothing else.
    let later: [UInt8] = [0x30, 3, 0x0a, 1, 3]
    #expect(problems(later) == [": the OCSP response says that the responder had no answer"])
    let others = TestCertificate.make(.p256, names: [], commonName: "another issuer").staple(seconds: 3600)
    #expect(problems(others) == [": the OCSP response isn't about the certificate in test.pem"])
    #expect(problems(Array(Self.site.staple(seconds: 3600).dropLast(9))) == [": no OCSP response in DER"])
  }
}
