import Glibc
@testable import TLS
import Testing

@Suite struct TLSConfigurationTests {
  private func problems(_ certificate: String, _ key: String) -> [TLSError] {
    TLSConfiguration(certificates: [
      .init(certificate: .text(certificate, name: "site.pem"), key: .text(key, name: "site.key"))
    ]).problems()
  }

  private func expect(_ problems: [TLSError], _ kind: TLSError.Kind, _ text: String) {
    #expect(problems.map(\.kind) == [kind])
    #expect(problems.first?.certificateIndex == 0)
    #expect(problems.first?.description.contains(text) == true, "\(problems)")
  }

  @Test func aGoodConfigurationHasNoProblems() {
    #expect(problems(TestCertificate.localhost.certificatePEM, TestCertificate.localhost.keyPEM).isEmpty)
  }

  @Test func certificateAndKeyMayStandInOneFile() {
    let both = TestCertificate.localhost.keyPEM + TestCertificate.localhost.certificatePEM
    #expect(problems(both, both).isEmpty)
  }

  @Test func aMissingFileIsNamed() {
    let configuration = TLSConfiguration(certificates: [
      .init(certificate: .file("/nonexistent/site.pem"), key: .file("/nonexistent/site.key"))
    ])
    expect(configuration.problems(), .unreadable, "/nonexistent/site.pem: No such file or directory")
  }

  @Test func filesThatAreNotPEMAreNamed() {
    let good = TestCertificate.localhost
    expect(problems("", good.keyPEM), .notPEM, "site.pem: no PEM certificate")
    expect(problems("garbage\n", good.keyPEM), .notPEM, "site.pem: no PEM certificate")
    expect(problems(good.certificatePEM, "garbage\n"), .notPEM, "site.key: no PEM private key")
    expect(problems(good.certificatePEM, good.certificatePEM), .notPEM, "site.key: no PEM private key")
  }

  @Test func brokenPEMIsNamed() {
    let good = TestCertificate.localhost
    let cut = String(good.certificatePEM.prefix(200)) + "\n-----END CERTIFICATE-----\n"
    expect(problems(cut, good.keyPEM), .notPEM, "site.pem: certificate 1 is broken")
    expect(problems(good.certificatePEM + cut, good.keyPEM), .notPEM, "site.pem: certificate 2 is broken")
    let cutKey = String(good.keyPEM.prefix(100)) + "\n-----END PRIVATE KEY-----\n"
    expect(problems(good.certificatePEM, cutKey), .notPEM, "site.key: the private key is broken")
  }

  @Test func aKeyOfAnotherCertificateIsNamed() {
    let other = TestCertificate.make(.p256, names: ["other"])
    expect(
      problems(TestCertificate.localhost.certificatePEM, other.keyPEM), .keyMismatch,
      "site.key: the key doesn't belong to the certificate in site.pem")
    expect(
      problems(TestCertificate.localhost.certificatePEM, TestCertificate.localhostRSA.keyPEM), .keyMismatch,
      "site.key")
  }

  @Test func anEncryptedKeyIsRefusedClearly() {
    let good = TestCertificate.localhost
    expect(
      problems(good.certificatePEM, good.encryptedKeyPEM), .encryptedKey, "site.key: the key is protected")
  }

  @Test func everyBrokenCertificateIsReported() {
    let good = TestCertificate.localhost.source
    let bad = TLSConfiguration.Certificate(certificate: .text("", name: "a"), key: .text("", name: "b"))
    let problems = TLSConfiguration(certificates: [bad, good, bad]).problems()
    #expect(problems.map(\.certificateIndex) == [0, 2])
  }

  @Test func filesAreReadFromDisk() throws {
    let good = TestCertificate.localhost
    let folder = "/tmp/tidegate-tls-test-\(getpid())"
    #expect(mkdir(folder, 0o700) == 0)
    defer {
      unlink(folder + "/site.pem")
      rmdir(folder)
    }
    let file = try #require(fopen(folder + "/site.pem", "w"))
    fputs(good.certificatePEM + good.keyPEM, file)
    fclose(file)
    let path = TLSConfiguration.Source.file(folder + "/site.pem")
    #expect(TLSConfiguration(certificates: [.init(certificate: path, key: path)]).problems().isEmpty)
    let folderPath = TLSConfiguration.Source.file(folder)
    expect(
      TLSConfiguration(certificates: [.init(certificate: folderPath, key: path)]).problems(), .unreadable,
      "\(folder): Is a directory")
  }
}
