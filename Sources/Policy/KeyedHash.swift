/// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of two words. Under a secret
/// random key nobody outside can choose addresses that fall into one bucket.
struct KeyedHash: Sendable {
  private let k0: UInt64
  private let k1: UInt64

  init(_ k0: UInt64, _ k1: UInt64) {
    self.k0 = k0
    self.k1 = k1
  }

  init(using generator: inout some RandomNumberGenerator) {
    self.init(generator.next(), generator.next())
  }

  func callAsFunction(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var state = State(k0, k1)
    state.absorb(a)
    state.absorb(b)
    // The message's length in bytes, in the top byte of the last word.
    state.absorb(16 << 56)
    return state.finish()
  }

  private struct State {
    var v0, v1, v2, v3: UInt64

    init(_ k0: UInt64, _ k1: UInt64) {
      v0 = k0 ^ 0x736f_6d65_7073_6575
      v1 = k1 ^ 0x646f_7261_6e64_6f6d
      v2 = k0 ^ 0x6c79_6765_6e65_7261
      v3 = k1 ^ 0x7465_6462_7974_6573
    }

    mutating func absorb(_ word: UInt64) {
      v3 ^= word
      round()
      v0 ^= word
    }

    mutating func finish() -> UInt64 {
      v2 ^= 0xff
      for _ in 0..<3 { round() }
      return v0 ^ v1 ^ v2 ^ v3
    }

    mutating func round() {
      v0 &+= v1
      v1 = (v1 << 13 | v1 >> 51) ^ v0
      v0 = v0 << 32 | v0 >> 32
      v2 &+= v3
      v3 = (v3 << 16 | v3 >> 48) ^ v2
      v0 &+= v3
      v3 = (v3 << 21 | v3 >> 43) ^ v0
      v2 &+= v1
      v1 = (v1 << 17 | v1 >> 47) ^ v2
      v2 = v2 << 32 | v2 >> 32
    }
  }
}
