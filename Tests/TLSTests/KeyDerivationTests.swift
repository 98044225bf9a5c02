import COpenSSL
import Testing

@testable import TLS

/// Our key derivations against the default provider's, which is the reference.
@Suite struct KeyDerivationTests {
  let library: TLSLibrary
  let digests = ["SHA2-256", "SHA2-384"]

  init() throws { library = try TLSLibrary() }

  @Test func libsslGetsOurs() {
    for name in ["TLS13-KDF", "TLS1-PRF"] {
      let kdf = EVP_KDF_fetch(library.context, name, nil)
      defer { EVP_KDF_free(kdf) }
      #expect(EVP_KDF_get0_provider(kdf).map { String(cString: OSSL_PROVIDER_get0_name($0)) } == "Tidegate")
    }
  }

  @Test(arguments: 0..<200) func expandingIsTheSame(round: Int) {
    var random = Random(seed: UInt64(round))
    let digest = digests[round % 2]
    let parameters: [Parameter] = [
      .mode(2), .text("digest", digest), .bytes("key", random.bytes(round % 2 == 0 ? 32 : 48)),
      .bytes("prefix", Array("tls13 ".utf8)), .bytes("label", random.bytes(1 + round % 100)),
      .bytes("data", random.bytes(round % 65)),
    ]
    let count = 1 + round * 3
    let ours = derive("TLS13-KDF", "tidegate", parameters, count)
    #expect(ours != nil && ours == derive("TLS13-KDF", "default", parameters, count), "seed \(round)")
  }

  @Test(arguments: 0..<100) func extractingIsTheSame(round: Int) {
    var random = Random(seed: UInt64(round))
    let count = round % 2 == 0 ? 32 : 48
    var parameters: [Parameter] = [
      .mode(1), .text("digest", digests[round % 2]), .bytes("prefix", Array("tls13 ".utf8)),
      .bytes("label", Array("derived".utf8)),
    ]
    if round % 3 != 0 { parameters.append(.bytes("salt", random.bytes(count))) }
    // From an X25519 secret to one of ffdhe8192.
    if round % 5 != 0 { parameters.append(.bytes("key", random.bytes(round % 5 == 1 ? 1024 : 32 + round))) }
    let ours = derive("TLS13-KDF", "tidegate", parameters, count)
    #expect(ours != nil && ours == derive("TLS13-KDF", "default", parameters, count), "seed \(round)")
  }

  @Test(arguments: 0..<200) func theOlderFunctionIsTheSame(round: Int) {
    var random = Random(seed: UInt64(round))
    let parameters: [Parameter] = [
      .text("digest", digests[round % 2]), .bytes("secret", random.bytes(1 + round)),
      .bytes("seed", Array("key expansion".utf8)), .bytes("seed", random.bytes(32)),
      .bytes("seed", random.bytes(1 + round)),
    ]
    let count = 1 + round
    let ours = derive("TLS1-PRF", "tidegate", parameters, count)
    #expect(ours != nil && ours == derive("TLS1-PRF", "default", parameters, count), "seed \(round)")
  }

  @Test(arguments: 0..<100) func theOlderFunctionInTheCallersMemoryIsTheSame(round: Int) {
    var random = Random(seed: UInt64(round))
    let (secret, seed, count) = (random.bytes(48), random.bytes(1 + round % 83), 1 + round * 2)
    let parameters: [Parameter] = [
      .text("digest", digests[round % 2]), .bytes("secret", secret),
      .bytes("seed", Array("key expansion".utf8)), .bytes("seed", seed),
    ]
    var ours = [UInt8](repeating: 0, count: count)
    var keyed = copenssl_keyed()
    copenssl_keyed_start(&keyed, round % 2 == 0 ? 32 : 48, secret, secret.count)
    copenssl_prf(&keyed, "key expansion", 13, seed, seed.count, &ours, count)
    #expect(ours == derive("TLS1-PRF", "default", parameters, count), "seed \(round)")
  }

  @Test func whatDoesNotFitIsRefused() {
    let key = Parameter.bytes("key", [UInt8](repeating: 1, count: 32))
    let digest = Parameter.text("digest", "SHA2-256")
    let long = [UInt8](repeating: 2, count: 256)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(2), digest, key, .bytes("label", long)], 32) == nil)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(2), digest, key, .bytes("data", long)], 32) == nil)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(2), digest], 32) == nil)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(2), key], 32) == nil)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(0), digest, key], 32) == nil)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(2), digest, key], 255 * 32 + 1) == nil)
    #expect(derive("TLS13-KDF", "tidegate", [.mode(2), .text("digest", "MD5"), key], 32) == nil)
    #expect(derive("TLS1-PRF", "tidegate", [digest, .bytes("secret", long)], 32) == nil)
    #expect(
      derive("TLS1-PRF", "tidegate", [digest, .bytes("secret", long), .bytes("seed", long + long + [0])], 32)
        == nil)
  }

  private enum Parameter {
    case mode(Int32)
    case text(String, String)
    case bytes(String, [UInt8])
  }

  /// Nil when it is refused.
  private func derive(_ name: String, _ provider: String, _ parameters: [Parameter], _ count: Int) -> [UInt8]?
  {
    let builder = OSSL_PARAM_BLD_new()
    defer { OSSL_PARAM_BLD_free(builder) }
    // The builder keeps pointers until it has built.
    var kept: [UnsafeMutableRawPointer] = []
    defer { kept.forEach { $0.deallocate() } }
    func keep(_ bytes: some Collection<UInt8>) -> UnsafeMutableRawPointer {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 1)
      memory.copyBytes(from: bytes)
      memory[bytes.count] = 0
      kept.append(memory.baseAddress!)
      return memory.baseAddress!
    }
    func key(_ text: String) -> UnsafePointer<CChar> {
      UnsafePointer(keep(text.utf8).assumingMemoryBound(to: CChar.self))
    }
    for parameter in parameters {
      switch parameter {
      case .mode(let mode): OSSL_PARAM_BLD_push_int(builder, key("mode"), mode)
      case .text(let name, let text): OSSL_PARAM_BLD_push_utf8_string(builder, key(name), key(text), 0)
      case .bytes(let name, let bytes):
        OSSL_PARAM_BLD_push_octet_string(builder, key(name), keep(bytes), bytes.count)
      }
    }
    let built = OSSL_PARAM_BLD_to_param(builder)
    defer { OSSL_PARAM_free(built) }
    let kdf = EVP_KDF_fetch(library.context, name, "provider=\(provider)")
    defer { EVP_KDF_free(kdf) }
    let context = EVP_KDF_CTX_new(kdf)
    defer { EVP_KDF_CTX_free(context) }
    defer { ERR_clear_error() }
    var result = [UInt8](repeating: 0, count: count)
    return EVP_KDF_derive(context, &result, count, built) == 1 ? result : nil
  }
}

private struct Random {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }
}
