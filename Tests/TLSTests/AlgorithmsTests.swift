import COpenSSL
@testable import TLS
import Testing

@Suite struct AlgorithmsTests {
  private func problems(_ adjust: (inout TLSConfiguration) -> Void) -> [TLSError] {
    var configuration = TLSConfiguration(certificates: [TestCertificate.localhost.source])
    adjust(&configuration)
    return configuration.problems()
  }

  private func expect(
    _ subject: TLSError.Subject, _ description: String, _ adjust: (inout TLSConfiguration) -> Void
  ) {
    let found = problems(adjust)
    #expect(found.map(\.kind) == [.unknownWord])
    #expect(found.map(\.subject) == [subject])
    #expect(found.map(\.description) == [description])
  }

  @Test func unknownWordsAreNamedWithTheirPlace() {
    expect(.ciphers(1), "no cipher is named \"AES-9000\"") { $0.ciphers = ["ECDHE+AESGCM", "HIGH:AES-9000"] }
    expect(
      .cipherSuites(1),
      "no cipher suite is named \"TLS_NULL\"; there are TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, "
        + "TLS_CHACHA20_POLY1305_SHA256"
    ) { $0.cipherSuites = ["TLS_AES_128_GCM_SHA256", "TLS_NULL"] }
    expect(.groups(0), "no group is named \"P-255\"; there are X25519, P-256, P-384, P-521, X448") {
      $0.groups = ["P-255", "X25519"]
    }
    expect(
      .signatureAlgorithms(0),
      "no signature algorithm is named \"md5\"; there are ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256"
    ) { $0.signatureAlgorithms = ["md5"] }
  }

  @Test(arguments: [
    "ECDHE+AESGCM:!SHA1", "HIGH:!aNULL:!NOSUCH:-RSA", "ALL:@STRENGTH", "ECDHE-RSA-AES128-GCM-SHA256:+HIGH",
    "ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256",
  ])
  func opensslsNotationForListsIsUnderstood(list: String) {
    #expect(problems { $0.ciphers = [list] }.isEmpty)
  }

  @Test func theListsAreObeyed() throws {
    let context = try makeContext {
      $0.ciphers = ["ECDHE-ECDSA-AES256-GCM-SHA384"]
      $0.cipherSuites = ["TLS_CHACHA20_POLY1305_SHA256"]
      $0.groups = ["P-384"]
      $0.signatureAlgorithms = ["ecdsa_secp256r1_sha256"]
    }
    for (version, cipher) in [(TLS1_2_VERSION, UInt16(0xc02c)), (TLS1_3_VERSION, 0x1303)] {
      let client = TestClient(.init(version: version))
      #expect(Link(context).handshake(with: client) == (.established, .done))
      #expect(client.cipherID == cipher)
      let other = TestClient(.init(version: version, groups: "X25519"))
      let (end, _) = Link(context).handshake(with: other)
      #expect(end != .established)
    }
    let client = TestClient(.init(signatureAlgorithms: "rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384"))
    let (end, _) = Link(context).handshake(with: client)
    #expect(end != .established)
  }

  @Test func aListThatOpenSSLRefusesAsAWholeIsSaid() {
    let found = problems { $0.groups = ["X25519", "X25519"] }
    #expect(found.isEmpty || found.first?.subject == .groups(0))
    #expect(problems { $0.ciphers = ["!ALL"] }.map(\.subject) == [.ciphers(0)])
  }
}
