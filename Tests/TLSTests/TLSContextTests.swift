import COpenSSL
@testable import TLS
import Testing

@Suite struct TLSContextTests {
  /// The common name of the certificate that a client with this server name gets.
  private func served(_ context: TLSContext, _ serverName: String?, _ algorithms: String? = nil) -> String? {
    let client = TestClient(.init(serverName: serverName, signatureAlgorithms: algorithms))
    #expect(Link(context).handshake(with: client) == (.established, .done))
    return client.serverCommonName
  }

  @Test func theServerNamePicksTheCertificate() throws {
    let context = try makeContext([
      .make(.p256, names: ["one.example"], commonName: "first"),
      .make(.p256, names: ["two.example", "Three.Example"], commonName: "second"),
      .make(.p256, names: ["*.two.example"], commonName: "wildcard"),
      .make(.p256, names: [], commonName: "only-a-common-name.example"),
    ])
    #expect(served(context, "one.example") == "first")
    #expect(served(context, "two.example") == "second")
    #expect(served(context, "THREE.example") == "second")
    #expect(served(context, "www.two.example") == "wildcard")
    #expect(served(context, "only-a-common-name.example") == "only-a-common-name.example")
    // A wildcard is for one label only.
    #expect(served(context, "a.b.two.example") == "first")
    #expect(served(context, "unknown.example") == "first")
    #expect(served(context, nil) == "first")
  }

  @Test(arguments: ["localhost", nil])
  func theClientGetsTheKindOfCertificateThatItCanVerify(serverName: String?) throws {
    let context = try makeContext([.localhost, .localhostRSA])
    for (algorithms, type) in [
      ("ecdsa_secp256r1_sha256", EVP_PKEY_EC), ("rsa_pss_rsae_sha256", EVP_PKEY_RSA),
    ] {
      let client = TestClient(.init(serverName: serverName, signatureAlgorithms: algorithms))
      #expect(Link(context).handshake(with: client) == (.established, .done))
      #expect(client.serverKeyType == type)
    }
  }

  @Test func aWildcardAddsTheKindThatTheExactNameLacks() throws {
    let context = try makeContext([
      .make(.p256, names: ["www.example.com"], commonName: "exact"),
      .make(.rsa, names: ["*.example.com"], commonName: "wildcard"),
    ])
    #expect(served(context, "www.example.com") == "exact")
    #expect(served(context, "www.example.com", "rsa_pss_rsae_sha256") == "wildcard")
  }

  @Test func aClientThatCanVerifyNoneIsToldSo() throws {
    let client = TestClient(.init(version: TLS1_3_VERSION, signatureAlgorithms: "ed25519"))
    #expect(Link(try makeContext()).handshake(with: client) == (.failed(.noSharedCipher), .failed(1040)))
  }

  @Test func sessionsOutliveTheirContext() throws {
    let client = TestClient()
    let link = try {
      let context = try makeContext()
      return Link(context)
    }()
    #expect(link.handshake(with: client) == (.established, .done))
    client.write([1])
    #expect(link.read(for: client).bytes == [1])
  }
}
