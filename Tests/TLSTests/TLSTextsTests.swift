import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct TLSTextsTests {
  private static let member = TestCertificate.make(.p256, names: [], commonName: "Zoë")

  private func texts(
    _ context: TLSContext, _ options: TestClient.Options
  ) -> TLSTexts? {
    let link = Link(context)
    return link.handshake(with: TestClient(options)) == (.established, .done) ? link.session.texts : nil
  }

  @Test(arguments: [
    (TLS1_2_VERSION, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"),
    (TLS1_3_VERSION, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"),
  ])
  func theyTellWhatWasAgreedOn(version: Int32, name: String, cipher: String) throws {
    let options = TestClient.Options(
      version: version, serverName: "chat.example", protocols: ["http/1.1"],
      cipherSuites: "TLS_CHACHA20_POLY1305_SHA256", ciphers: "ECDHE-RSA-AES128-GCM-SHA256")
    let expected = TLSTexts(
      version: name, cipher: cipher, applicationProtocol: "http/1.1", serverName: "chat.example",
      clientCertificate: nil, signatureAlgorithm: "RSA-SHA256", keyAlgorithm: "RSA2048")
    #expect(try texts(makeContext([.localhostRSA]), options) == expected)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aResumedSessionHasTheClientsCertificateAndNoneOfOurs(version: Int32) throws {
    let keys = try TicketKeys(lifetime: .seconds(100), now: .zero, wallTime: WallTime(seconds: 0))
    let context = try makeContext(ticketKeys: keys) {
      $0.clientCertificates = .init(
        authorities: .text(Self.member.certificatePEM, name: "ca.pem"), isRequired: true)
    }
    let first = connect(context, version, nil, Self.member)
    let texts = try #require(self.texts(context, .init(version: version, session: first.session)))
    #expect(texts.clientCertificate == ClientCertificate(commonName: "Zoë", isOfThisConnection: false))
    #expect(texts.signatureAlgorithm.isEmpty && texts.keyAlgorithm.isEmpty)
  }
}
