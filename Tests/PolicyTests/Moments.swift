import Basics

/// Times for tests: so many seconds after boot.
func at(_ seconds: Double) -> MonotonicTime { MonotonicTime(nanoseconds: UInt64((seconds * 1e9).rounded())) }

func slot(_ index: Int, generation: UInt32 = 1) -> SlotID {
  SlotID(index: UInt32(index), generation: generation)
}

extension SeededGenerator {
  /// A generator whose seed is told, so that a failure can be repeated.
  static func told(_ seed: UInt64 = .random(in: 0...9_999_999), _ test: String = #function) -> Self {
    print("\(test): seed \(seed)")
    return Self(seed: seed)
  }
}
