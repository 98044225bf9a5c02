import Basics
import Testing

@Suite struct MonotonicTimeTests {
  @Test func additionSaturatesAtTheDistantFuture() {
    let late = MonotonicTime(nanoseconds: .max - 5)
    #expect(late + .seconds(1) == .distantFuture)
    #expect(MonotonicTime.distantFuture + .nanoseconds(1) == .distantFuture)
    #expect(MonotonicTime.zero + .seconds(Int64.max) == .distantFuture)
  }

  @Test func aNegativeDurationAddsNothing() {
    #expect(MonotonicTime(nanoseconds: 7) + .seconds(-1) == MonotonicTime(nanoseconds: 7))
    #expect(Duration.seconds(-3).clampedNanoseconds == 0)
  }

  @Test func theDistanceToALaterInstantIsZero() {
    let early = MonotonicTime(nanoseconds: 10)
    let late = MonotonicTime(nanoseconds: 35)
    #expect(late.since(early) == .nanoseconds(25))
    #expect(early.since(late) == .zero)
    #expect(early < late)
  }

  @Test func secondsKeepTheirFraction() {
    #expect(Duration.milliseconds(1500).inSeconds == 1.5)
    #expect(Duration.milliseconds(1500).clampedNanoseconds == 1_500_000_000)
  }

  /// In 128 bits, by the parts that the library gives.
  @Test func aDurationIsItsWholeNanosecondsWhereThoseFit() {
    var random = SeededGenerator(seed: 5)
    let quintillion: Int64 = 1_000_000_000_000_000_000
    let last = Duration(
      secondsComponent: 18_446_744_073, attosecondsComponent: 709_551_615_999_999_999)
    #expect(last.clampedNanoseconds == UInt64.max)
    #expect((last - .nanoseconds(1)).clampedNanoseconds == UInt64.max - 1)
    #expect((last + Duration(secondsComponent: 0, attosecondsComponent: 1)).clampedNanoseconds == UInt64.max)
    #expect(Duration.seconds(Int64.max).clampedNanoseconds == UInt64.max)
    #expect(Duration.seconds(Int64.min).clampedNanoseconds == 0)
    #expect(Duration(secondsComponent: 0, attosecondsComponent: -1).clampedNanoseconds == 0)
    for _ in 0..<300 {
      let seconds =
        Int64.random(in: 0..<18_446_744_073, using: &random) >> Int64.random(in: 0..<40, using: &random)
      let rest = Int64.random(in: 0..<quintillion, using: &random)
      let duration = Duration(secondsComponent: seconds, attosecondsComponent: rest)
      let whole = UInt64(seconds) * 1_000_000_000 + UInt64(rest / 1_000_000_000)
      #expect(duration.clampedNanoseconds == whole, "\(duration)")
    }
  }

  @Test func unitsOfBytesArePowersOfTwo() {
    #expect(ByteCount.kibibytes(3).bytes == 3072)
    #expect(ByteCount.mebibytes(1) == ByteCount.kibibytes(1024))
    #expect(ByteCount.gibibytes(1) > ByteCount.mebibytes(1023))
  }
}

@Suite struct SeededGeneratorTests {
  @Test func theSequenceIsThatOfSplitMix64() {
    // The reference implementation's first numbers for this seed.
    var random = SeededGenerator(seed: 1_234_567)
    #expect(random.next() == 6_457_827_717_110_365_317)
    #expect(random.next() == 3_203_168_211_198_807_973)
    #expect(random.next() == 9_817_491_932_198_370_423)
  }

  @Test func theSameSeedGivesTheSameNumbers() {
    var one = SeededGenerator(seed: 42)
    var two = SeededGenerator(seed: 42)
    var other = SeededGenerator(seed: 43)
    let numbers = (0..<10).map { _ in one.next() }
    #expect(numbers == (0..<10).map { _ in two.next() })
    #expect(numbers != (0..<10).map { _ in other.next() })
  }
}
