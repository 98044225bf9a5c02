import Testing

@testable import Policy

@Suite struct KeyedHashTests {
  /// Python hashes bytes with SipHash-1-3 too, under an all-zero key when told PYTHONHASHSEED=0.
  @Test func itAgreesWithAnotherImplementation() {
    let hash = KeyedHash(0, 0)
    #expect(hash(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908) == 0x8972188433a5c5b7)
    #expect(hash(0, 0) == 0x76be999e3e25b2a0)
  }

  @Test func anotherKeyGivesAnotherOrder() {
    let (one, other) = (KeyedHash(1, 2), KeyedHash(1, 3))
    let equal = (0..<1000).count { one(0, UInt64($0)) & 63 == other(0, UInt64($0)) & 63 }
    #expect(equal < 50)
  }
}
