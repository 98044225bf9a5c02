import COpenSSL
import Testing

@testable import TLS

/// What our own handshakes make of a configuration: the same as OpenSSL, which is asked.
@Suite struct HandshakeRulesTests {
  private func rules(
    _ certificates: [TestCertificate] = [.localhost], _ adjust: (inout TLSConfiguration) -> Void
  ) throws -> HandshakeRules { try #require(try makeOwnContext(certificates, adjust).rules) }

  @Test func theDefaultsAreThose() throws {
    let rules = try rules { _ in }
    #expect(rules.suites == [0, 1, 2])
    #expect(Set(rules.groups) == [29, 23, 24])
    #expect(rules.schemes.starts(with: [0x0403, 0x0503, 0x0603, 0x0807, 0x0808]))
  }

  @Test(arguments: [
    ["P-256", "X25519"], ["prime256v1", "x25519"], ["secp256r1", "X25519"], ["P-256:X25519"],
  ]) func groupsInAnyNotationAreUnderstood(words: [String]) throws {
    #expect(Set(try rules { $0.groups = words }.groups) == [23, 29])
    let context = try makeOwnContext { $0.groups = words }
    for group in ["P-256", "X25519"] { #expect(converse(context, .init(groups: group))?.isOwn == true) }
  }

  @Test(arguments: [
    ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha512"], ["ECDSA+SHA256", "RSA-PSS+SHA512"],
    ["ECDSA+SHA256:PSS+SHA512"],
  ]) func signatureAlgorithmsInAnyNotationAreUnderstood(words: [String]) throws {
    let certificates: [TestCertificate] = [.localhost, .localhostRSA]
    let schemes = try rules(certificates) { $0.signatureAlgorithms = words }.schemes
    #expect(schemes.filter { $0 != 0x080b } == [0x0403, 0x0806])
    let context = try makeOwnContext(certificates) { $0.signatureAlgorithms = words }
    for list in ["ECDSA+SHA256", "RSA-PSS+SHA512"] {
      #expect(converse(context, .init(signatureAlgorithms: list))?.isOwn == true)
    }
  }

  @Test func aGroupThatIsNotOursIsStillKnownToBeAllowed() throws {
    #expect(try rules { $0.groups = ["ffdhe2048", "X448", "P-521", "X25519"] }.groups.count == 4)
  }

  /// Of 192 bits: neither P-256 nor X25519 nor AES-128.
  @Test func whatTheSecurityLevelForbidsIsNotDone() throws {
    func adjust(_ configuration: inout TLSConfiguration) { configuration.ciphers.append("@SECLEVEL=4") }
    let certificates: [TestCertificate] = [.localhostP384]
    let rules = try rules(certificates, adjust)
    #expect(rules.suites == [1, 2])
    #expect(rules.groups == [24])
    #expect(!rules.schemes.contains(0x0403))
    for context in [try makeOwnContext(certificates, adjust), try makeOpenSSLContext(certificates, adjust)] {
      #expect(converse(context, .init(groups: "P-384")) != nil)
      for group in ["P-256", "X25519"] { #expect(converse(context, .init(groups: group)) == nil) }
    }
  }
}
