@testable import TLS
import Testing

/// Keys of connections that keep only their secrets.
@Suite struct DerivedKeysTests {
  private static let suites: [CipherSuite] = [.aes256GCM, .chaCha20Poly1305]

  private func makeKeys() throws -> DerivedKeys {
    guard let keys = DerivedKeys.make() else { throw TLSError.library("reserve memory") }
    return keys
  }

  private func secret(_ first: UInt8, last: UInt8) -> [UInt8] {
    [first] + [UInt8](repeating: 7, count: 46) + [last]
  }

  /// The key of a secret, derived as `key` where there is none.
  private func key(_ keys: borrowing DerivedKeys, _ secret: [UInt8], _ key: UInt8?) -> [UInt8]? {
    secret.withUnsafeBytes { secret in
      let found = keys.key(of: secret) { place in
        guard let key else { return false }
        place.initializeMemory(as: UInt8.self, repeating: key)
        return true
      }
      return found.map { Array(UnsafeRawBufferPointer(start: $0, count: 32)) }
    }
  }

  @Test func aKeyIsDerivedOnce() throws {
    let keys = try makeKeys()
    #expect(key(keys, secret(1, last: 1), 10) == [UInt8](repeating: 10, count: 32))
    #expect(key(keys, secret(2, last: 1), 20) == [UInt8](repeating: 20, count: 32))
    #expect(key(keys, secret(1, last: 1), nil) == [UInt8](repeating: 10, count: 32))
  }

  @Test func secretsOfOnePlaceNeverGetEachOthersKey() throws {
    let keys = try makeKeys()
    #expect(key(keys, secret(1, last: 1), 10) == [UInt8](repeating: 10, count: 32))
    #expect(key(keys, secret(1, last: 2), 20) == [UInt8](repeating: 20, count: 32))
    #expect(key(keys, secret(1, last: 1), 30) == [UInt8](repeating: 30, count: 32))
  }

  @Test func aDerivationThatFailsLeavesNobodysKey() throws {
    let keys = try makeKeys()
    #expect(key(keys, secret(1, last: 1), 10) != nil)
    #expect(key(keys, secret(1, last: 2), nil) == nil)
    #expect(key(keys, secret(1, last: 1), nil) == nil)
    #expect(key(keys, secret(1, last: 2), nil) == nil)
  }

  @Test func aForgottenKeyIsGoneAndAnothersInItsPlaceStays() throws {
    let keys = try makeKeys()
    let (one, two) = (secret(1, last: 1), secret(1, last: 2))
    #expect(key(keys, one, 10) != nil)
    two.withUnsafeBytes { keys.forget($0) }
    #expect(key(keys, one, nil) != nil)
    one.withUnsafeBytes { keys.forget($0) }
    #expect(key(keys, one, nil) == nil)
  }

  @Test(arguments: suites)
  func aConnectionGoesOnWhenItsKeysWereForgotten(suite: CipherSuite) throws {
    let (one, other) = try RecordLink.pair(suite)
    for round in 0..<4 {
      let data = [UInt8](repeating: UInt8(round), count: 100)
      other.pending += try #require(one.seal(data))
      #expect(other.read().bytes == data)
      one.pending += try #require(other.seal(data))
      #expect(one.read().bytes == data)
      one.forgetKeys()
    }
  }
}
