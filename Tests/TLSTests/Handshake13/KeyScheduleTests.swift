import COpenSSL
import Testing

@testable import TLS

@Suite struct KeyScheduleTests {
  private func bytes(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  private func result(_ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    bytes.withUnsafeMutableBytes { fill($0.baseAddress!) }
    return bytes
  }

  /// Those of RFC 8448 section 3.
  @Test func theSecretsOfTheExampleHandshakeComeOut() {
    let schedule = KeySchedule(hashCount: 32)
    #expect(
      schedule.standardSalt == bytes("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"))
    let shared = bytes("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d")
    let handshake = result(32) { room in
      shared.withUnsafeBytes { schedule.extract($0, schedule.standardSalt, into: room) }
    }
    #expect(handshake == bytes("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"))
    let hash = bytes("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
    let client = result(32) { room in
      schedule.with(handshake) { schedule.derive($0, "c hs traffic", hash, into: room) }
    }
    #expect(client == bytes("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"))
    let salt = result(32) { room in
      schedule.with(handshake) { schedule.deriveOfNothing($0, "derived", into: room) }
    }
    let main = result(32) { schedule.extract(nil, salt, into: $0) }
    #expect(main == bytes("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"))
  }

  /// Against OpenSSL's one-shot functions, with lengths on both sides of a block's.
  @Test(arguments: [32, 48, 64])
  func hashesAndKeyedHashesAreOpenSSLs(count: Int) {
    let digest = count == 32 ? EVP_sha256() : count == 48 ? EVP_sha384() : EVP_sha512()
    var message: [UInt8] = []
    for length in 0..<300 {
      var expected = [UInt8](repeating: 0, count: 64)
      EVP_Digest(message, length, &expected, nil, digest, nil)
      var hash = copenssl_hash()
      copenssl_hash_start(&hash, count)
      copenssl_hash_add(&hash, message, length / 3)
      // A look on the way changes nothing.
      _ = result(count) { copenssl_hash_peek(&hash, $0) }
      message.withUnsafeBytes {
        copenssl_hash_add(&hash, $0.baseAddress.map { $0 + length / 3 }, length - length / 3)
      }
      #expect(result(count) { copenssl_hash_peek(&hash, $0) } == Array(expected[..<count]))

      let key = Array(message.prefix(min(length, 64)))
      HMAC(digest, key, Int32(key.count), message, length, &expected, nil)
      var keyed = copenssl_keyed()
      copenssl_keyed_start(&keyed, count, key, key.count)
      for _ in 0..<2 {
        #expect(
          result(count) { copenssl_keyed_hash(&keyed, message, length, $0) } == Array(expected[..<count]))
      }
      message.append(UInt8(truncatingIfNeeded: length * 7))
    }
  }
}
