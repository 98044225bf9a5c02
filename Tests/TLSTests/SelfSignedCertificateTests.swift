import COpenSSL
@testable import TLS
import Testing

@Suite struct SelfSignedCertificateTests {
  @Test func itIsForItsNamesAndAddresses() throws {
    let made = try SelfSignedCertificate.make(names: ["localhost", "*.tide.example", "127.0.0.1", "::1"])
    var text = made.certificatePEM
    let certificate = text.withUTF8 { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
      defer { BIO_free(bio) }
      return PEM_read_bio_X509(bio, nil, nil, nil)
    }
    defer { X509_free(certificate) }
    for name in ["localhost", "a.tide.example"] {
      #expect(X509_check_host(certificate, name, 0, 0, nil) == 1, "\(name)")
    }
    #expect(X509_check_host(certificate, "other", 0, 0, nil) == 0)
    for address in ["127.0.0.1", "::1"] {
      #expect(X509_check_ip_asc(certificate, address, 0) == 1, "\(address)")
    }
    #expect(X509_check_ip_asc(certificate, "127.0.0.2", 0) == 0)
    #expect(X509_verify(certificate, X509_get0_pubkey(certificate)) == 1)
    #expect(X509_cmp_current_time(X509_get0_notBefore(certificate)) == -1)
    var days: Int32 = 0
    var seconds: Int32 = 0
    ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(certificate))
    #expect(days == 29 || days == 30)
  }

  @Test func itIsServed() throws {
    let made = try SelfSignedCertificate.make(names: ["localhost"])
    let configuration = TLSConfiguration(certificates: [
      .init(
        certificate: .text(made.certificatePEM, name: "demonstration"),
        key: .text(made.keyPEM, name: "demonstration"))
    ])
    #expect(configuration.problems().isEmpty)
    let client = TestClient()
    let context = try TLSContext(configuration, library: TLSLibrary(), ticketKeys: nil)
    #expect(Link(context).handshake(with: client) == (.established, .done))
    #expect(client.serverCommonName == "localhost")
  }

  @Test func eachHasAKeyOfItsOwn() throws {
    let one = try SelfSignedCertificate.make(names: ["localhost"])
    let two = try SelfSignedCertificate.make(names: ["localhost"])
    #expect(one.keyPEM != two.keyPEM)
  }
}
